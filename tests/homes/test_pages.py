"""Administrators make, order and try rules in the browser, on the master only (R32-R54, D10, D11)."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.audit.log import Who
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.homes import runs
from posthouse.homes.forms import RuleForm
from posthouse.homes.models import Default, Placement, Rule
from tests.conftest import make_user
from tests.homes.conftest import choose_default, from_directory, make_rule
from tests.homes.test_runs import preview, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client, admin: User) -> Client:
    """The administrator of paris, logged in."""
    client.force_login(admin)
    return client


@pytest.fixture
def slave(boss: Client, paris: Server, tokyo: Server) -> Client:
    """The same, where this server is a slave of tokyo."""
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    return boss


def get(client: Client, name: str, /, *args: Any, **query: str) -> str:
    answer = client.get(reverse(f"homes:{name}", args=args), query, secure=True)
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, name: str, /, *args: Any, **values: Any) -> HttpResponse:
    return client.post(reverse(f"homes:{name}", args=args), values, secure=True, follow=True)  # type: ignore[return-value]


def create(client: Client, home: Server, **values: str) -> str:
    return post(client, "new", name="Asia", home=str(home.pk), **values).content.decode()


def names() -> list[str]:
    return list(Rule.objects.filter(removed_at=None).order_by("position").values_list("name", flat=True))


def test_only_administrators_see_the_pages(client: Client, alice: User) -> None:
    client.force_login(alice)
    for name in ("rules", "explain", "recalculate", "choose"):
        assert client.get(reverse(f"homes:{name}"), secure=True).status_code == 403


def test_a_rule_is_made_with_all_fields_and_noted(boss: Client, tokyo: Server) -> None:
    fields = {
        "email_pattern": "@asia[.]",
        "login_pattern": "^a",
        "group_pattern": "^Staff$",
        "dn_pattern": "OU=Asia,",
        "ldap_name_1": "department",
        "ldap_pattern_1": "film",
        "ldap_name_3": "l",
        "ldap_pattern_3": "kyoto",
        "examples": "bob@asia.example\n\nken",
        "confirmed": "on",
    }
    page = create(boss, tokyo, **fields)
    rule = Rule.objects.get()
    assert "The home server rule Asia was created." in page
    assert "Nobody has the LDAP field department" in page
    assert rule.ldap == [["department", "film"], ["l", "kyoto"]]
    assert rule.examples == ["bob@asia.example", "ken"]
    assert Event.objects.get(action="homes.rule_created").subject_id == rule.pk
    shown = get(boss, "edit", rule.pk)
    for value in ("@asia[.]", "^Staff$", "OU=Asia,", "department", "kyoto"):
        assert f'value="{value}"' in shown


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"email_pattern": r"asia\.example"}, "email_pattern", "Write asia[.]example instead."),
        ({"login_pattern": "a~"}, "login_pattern", "~ (character 2) may not be used"),
        ({"group_pattern": "a/b"}, "group_pattern", "/ (character 2) may not be used"),
        ({"dn_pattern": "(a"}, "dn_pattern", "is never closed"),
        ({"email_pattern": "x" * 501}, "email_pattern", "at most 500 characters"),
        ({"ldap_name_1": "department", "ldap_pattern_1": "*"}, "ldap_pattern_1", "nothing to repeat"),
        ({"ldap_name_1": "department"}, "ldap_pattern_1", "Write what department must match"),
        ({"ldap_pattern_2": "film"}, "ldap_name_2", "Write which LDAP field must match"),
        ({"ldap_name_1": "a b", "ldap_pattern_1": "x"}, "ldap_name_1", "letters, digits and hyphens only"),
        ({"external": "on", "login_pattern": "^a"}, "email_pattern", "only the e-mail address counts"),
        ({"email_pattern": "a", "examples": "two words"}, "examples", "neither a user name nor an e-mail address"),
        ({"email_pattern": "a", "home": ""}, "home", "required"),
    ],
)
def test_what_is_refused_is_said_beside_its_field(
    boss: Client, tokyo: Server, values: dict[str, str], field: str, words: str
) -> None:
    page = post(boss, "new", **({"name": "Asia", "home": str(tokyo.pk)} | values)).content.decode()
    errors = page[page.index(f'id="id_{field}_error"') :]
    assert words in errors[: errors.index("</ul>")].replace("&#x27;", "'")
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Fill in at least one regex."),
        ({"email_pattern": "a", "ldap_name_4": "x", "ldap_pattern_4": "y"}, "no more than 3 LDAP fields"),
    ],
)
def test_a_rule_without_patterns_or_with_a_fourth_field_is_refused(
    boss: Client, tokyo: Server, values: dict[str, str], words: str
) -> None:
    assert words in create(boss, tokyo, **values)
    assert not Rule.objects.exists()


def test_two_rules_of_one_name_are_refused(boss: Client, tokyo: Server) -> None:
    first = make_rule("ASIA", tokyo, email_pattern="a")
    assert "Another rule has this name." in create(boss, tokyo, email_pattern="b")
    post(boss, "delete", first.pk)
    assert "was created" in create(boss, tokyo, email_pattern="b")


def test_rules_whose_names_differ_in_capitals_beyond_ascii_are_refused_too(boss: Client, tokyo: Server) -> None:
    make_rule("Österreich", tokyo, email_pattern="a")
    assert (
        "Another rule has this name."
        in post(boss, "new", name="ÖSTERREICH", home=str(tokyo.pk), email_pattern="b").content.decode()
    )
    assert Rule.objects.count() == 1


def test_a_name_that_was_taken_at_the_same_moment_is_refused_beside_its_field(
    boss: Client, admin: User, tokyo: Server
) -> None:
    form = RuleForm({"name": "Asia", "email_pattern": "a", "home": str(tokyo.pk)})
    assert form.is_valid()
    make_rule("asia", tokyo, email_pattern="b")  # by another administrator
    assert not form.keep(Who("Ada"), "homes.rule_created", "…")
    assert form.errors["name"] == ["Another rule has this name. Capital letters make no difference."]
    assert names() == ["asia"]


def test_the_fields_that_are_disabled_for_external_recipients_do_not_count(boss: Client, tokyo: Server) -> None:
    values = {"login_pattern": "(", "group_pattern": "x", "ldap_name_1": "l", "ldap_pattern_1": "("}
    create(boss, tokyo, external="on", email_pattern="@asia", **values)
    rule = Rule.objects.get()
    assert (rule.external, rule.login_pattern, rule.group_pattern, rule.ldap) == (True, "", "", [])


def test_rules_are_put_in_order_by_buttons_and_by_dragging(boss: Client, tokyo: Server) -> None:
    a, b, c = (make_rule(name, tokyo, email_pattern="x") for name in "ABC")
    post(boss, "move", c.pk, to="up")
    assert names() == ["A", "C", "B"]
    post(boss, "move", a.pk, to="down")
    assert names() == ["C", "A", "B"]
    post(boss, "move", b.pk, to="1")
    assert names() == ["B", "C", "A"]
    for nonsense in ("0", "99999", "-1", "x", ""):
        assert post(boss, "move", b.pk, to=nonsense).status_code == 200
    assert sorted(names()) == ["A", "B", "C"]
    assert Event.objects.filter(action="homes.rule_moved").exists()


def test_examples_are_tried_whenever_rules_change(boss: Client, paris: Server, tokyo: Server, rio: Server) -> None:
    choose_default(paris)
    page = create(boss, tokyo, email_pattern="@asia", examples="bob@asia.example\nbob@rio.example")
    assert "bob@rio.example must land on tokyo, says the rule Asia, but would land on paris: no rule matches." in page
    assert "Save although these examples fail" in page
    assert not Rule.objects.exists()
    page = create(boss, tokyo, email_pattern="@asia", examples="bob@asia.example\nbob@rio.example", confirmed="on")
    assert "was created" in page
    assert "bob@rio.example must land on tokyo" in page  # the list goes on saying so
    # What failed before does not stand in the way; what begins to fail does.
    page = post(boss, "new", name="Bobs", home=str(rio.pk), login_pattern="^x").content.decode()
    assert "was created" in page
    bobs = Rule.objects.get(name="Bobs")
    page = post(boss, "edit", bobs.pk, name="Bobs", home=str(rio.pk), login_pattern="^bob").content.decode()
    assert "was changed" in page  # it stands behind
    answer = post(boss, "move", bobs.pk, to="up")
    assert answer.status_code == 409
    assert b"bob@asia.example must land on tokyo, says the rule Asia, but would land on rio" in answer.content
    assert names() == ["Asia", "Bobs"]
    post(boss, "move", bobs.pk, to="up", confirmed="on")
    assert names() == ["Bobs", "Asia"]


def test_an_example_that_has_an_account_is_looked_at_as_it_is(boss: Client, paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    from_directory("ken", paris, groups=["Staff"])
    assert "was created" in create(boss, tokyo, group_pattern="staff", examples="ken@example.com\nKEN")
    answer = post(boss, "delete", Rule.objects.get().pk)
    assert answer.status_code == 200  # an example goes with its rule


def test_the_default_server_is_chosen_and_until_then_its_lack_is_said(
    boss: Client, paris: Server, tokyo: Server
) -> None:
    for page in (
        get(boss, "rules"),
        get(boss, "recalculate"),
        boss.get(reverse("accounts:list"), secure=True).content.decode(),
    ):
        assert "No default server is chosen" in page
    page = post(boss, "default", server=str(tokyo.pk)).content.decode()
    assert "No default server is chosen" not in page
    assert Default.objects.get().server == tokyo
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    assert "The default server, tokyo, was removed" in get(boss, "rules")


def test_a_rule_whose_server_was_removed_is_marked(boss: Client, paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    rule = make_rule("Asia", tokyo, email_pattern="@asia")
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    page = get(boss, "rules")
    assert "Removed: this rule places nobody." in page
    assert "The home server rule Asia places nobody" in page  # in the bar
    assert "Choose another one." in get(boss, "edit", rule.pk)
    assert "Left out: its home server was removed" in get(boss, "explain", q="x@asia.example")


def test_explain_shows_each_rule_and_each_field(boss: Client, paris: Server, tokyo: Server, rio: Server) -> None:
    choose_default(paris)
    make_rule("Rio", rio, email_pattern="@rio")
    make_rule("Staff", tokyo, group_pattern="asia staff")
    make_rule("Outside", rio, external=True, email_pattern="<script>|@asia")
    from_directory("ken", paris, groups=["All", "Asia Staff"])
    page = get(boss, "explain", q="KEN")
    assert "tokyo, by the rule Staff." in page
    assert "<mark>Asia Staff</mark>" in page
    assert "one of 2 values" in page
    assert page.count("Does not match") == 1
    page = get(boss, "explain", q="guest@asia.example")
    assert "Nobody has an account" in page
    assert "guest@asia.example as an external recipient" in page
    assert "was invited to send uploads to the inviter&#x27;s home server" in page
    assert "3. Outside" in page
    assert "rio, by the rule Outside." in page
    assert "&lt;script&gt;" in page
    assert "paris, the default server: no rule matches." in page
    assert get(boss, "explain", q="<b>")


def test_explain_says_that_a_home_was_set_by_hand(boss: Client, paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    make_user("hank", tokyo, home_by_hand=True)
    assert "lives on tokyo, which was set by hand: rules do not touch that. By rule: paris" in get(
        boss, "explain", q="hank"
    )


def test_the_way_from_preview_to_recalculate(boss: Client, paris: Server, tokyo: Server, rio: Server) -> None:
    choose_default(paris)
    make_rule("A", tokyo, login_pattern="^a[a-z]")
    people = [make_user(login, rio) for login in ("ann", "abe", "dora")]
    assert "The rules were changed." in get(boss, "rules")
    assert "Looking who would move" in post(boss, "act", act="preview").content.decode()
    run = runs.latest()
    assert run is not None
    assert "HX-Refresh" not in boss.get(reverse("homes:progress", args=[run.pk]), secure=True).headers
    work(run)
    assert boss.get(reverse("homes:progress", args=[run.pk]), secure=True).headers["HX-Refresh"] == "true"
    page = get(boss, "recalculate")
    assert "4 users would move" in page
    assert "<strong>2</strong> from rio to tokyo" in page
    assert "Packages and external contacts do not move" in page
    assert "Rule A" in page
    answer = boss.get(reverse("homes:export", args=[run.pk]), secure=True)
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert ["ann", "Ann", "ann@example.com", "rio", "tokyo", "rule A", "no"] in lines
    post(boss, "act", act="carry_out", run=str(run.pk))
    work(run)
    assert "4 users moved" in get(boss, "recalculate")
    people[0].refresh_from_db()
    assert people[0].home == tokyo
    assert "The rules were changed." not in get(boss, "rules")
    assert Event.objects.filter(action="homes.recalculated").exists()


def test_what_cannot_be_done_with_a_run_is_said(boss: Client, paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    rule = make_rule("A", tokyo, login_pattern="^a")
    run = preview()
    Rule.objects.filter(pk=rule.pk).update(login_pattern="^b")
    assert "make a new one" in get(boss, "recalculate")
    assert (
        "The rules were changed since this preview."
        in post(boss, "act", act="carry_out", run=str(run.pk)).content.decode()
    )
    assert "no such recalculation" in post(boss, "act", act="carry_out", run="x").content.decode()
    post(boss, "act", act="preview")
    page = post(boss, "act", act="cancel", run=str(run.pk)).content.decode()
    assert "ended already" in page


def test_a_home_is_set_by_hand_for_many_and_given_back(
    boss: Client, admin: User, paris: Server, tokyo: Server, rio: Server
) -> None:
    choose_default(paris)
    make_rule("A", rio, login_pattern="^a")
    ann, _abe, dora = (make_user(login, paris) for login in ("ann", "abe", "dora"))
    rescue = make_user("rescue", paris, local=True)
    page = get(boss, "choose", id=str(ann.pk))
    assert "Home server of Ann" in page
    ids = [str(user.pk) for user in (ann, dora, rescue)]
    page = post(boss, "choose", id=ids, home=str(tokyo.pk)).content.decode()
    assert "The home server of 2 users is tokyo now, set by hand. 2 have moved." in page
    for user in (ann, dora, rescue):
        user.refresh_from_db()
    assert (ann.home, ann.home_by_hand, rescue.home) == (tokyo, True, paris)
    placement = Placement.objects.get(user=ann)
    assert (placement.kind, placement.by) == (Placement.Kind.HAND, str(admin))
    page = boss.get(reverse("accounts:edit", args=[ann.pk]), secure=True).content.decode()
    assert f"set by hand by {admin}" in page
    page = post(boss, "choose", q="a", all="on", home="").content.decode()
    assert "follows the home server rules now" in page
    ann.refresh_from_db()
    assert (ann.home, ann.home_by_hand) == (rio, False)
    page = boss.get(reverse("accounts:edit", args=[ann.pk]), secure=True).content.decode()
    assert "by the rule" in page
    assert "Choose users first." in post(boss, "choose", id="nonsense", home="").content.decode()


def test_a_slave_shows_its_copies_and_the_way_to_the_master(slave: Client, tokyo: Server) -> None:
    rule = make_rule("Asia", tokyo, email_pattern="@asia")
    page = get(slave, "rules")
    assert "Asia" in page
    assert "Go to tokyo" in page
    assert "Create New" not in page
    for name, args in (("new", []), ("edit", [rule.pk]), ("delete", [rule.pk]), ("explain", []), ("recalculate", [])):
        assert slave.get(reverse(f"homes:{name}", args=args), secure=True).status_code == 403
    assert post(slave, "delete", rule.pk).status_code == 403
    assert post(slave, "choose", id=str(rule.pk)).status_code == 403
    assert names() == ["Asia"]


def test_the_list_of_rules_takes_no_query_for_each(boss: Client, paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    for number in range(3):
        make_rule(f"R{number}", tokyo, email_pattern=f"@a{number}", examples=[f"x@a{number}"])
    with CaptureQueriesContext(connection) as few:
        get(boss, "rules")
    for number in range(3, 20):
        make_rule(f"R{number}", tokyo, email_pattern=f"@a{number}", examples=[f"x@b{number}"])
    with CaptureQueriesContext(connection) as many:
        get(boss, "rules")
    assert len(many) <= len(few)
