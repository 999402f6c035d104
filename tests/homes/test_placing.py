"""New and changed people are placed at once, in bulk, with the reason (M8, R53, R54, D10)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from posthouse.accounts import people, signals
from posthouse.accounts.models import Entry, User
from posthouse.cluster import signals as cluster
from posthouse.cluster.models import Server
from posthouse.homes import placing, standing
from posthouse.homes.external import homes_of_external
from posthouse.homes.models import Placement, Rule
from tests.conftest import make_user
from tests.homes.conftest import choose_default, from_directory, make_rule

pytestmark = pytest.mark.django_db

Kind = Placement.Kind


def create(login: str, email: str, home: Server | None = None) -> User:
    return people.create(login=login, name=login.title(), email=email, home=home)


def changed(*users: User) -> None:
    with transaction.atomic():
        signals.people_changed.send(User, ids={user.pk for user in users})


def home(user: User) -> Server | None:
    user.refresh_from_db()
    return user.home


def test_a_new_user_lands_where_the_first_rule_says(paris: Server, tokyo: Server, rio: Server) -> None:
    choose_default(paris)
    asia = make_rule("Asia", tokyo, email_pattern="@asia[.]")
    make_rule("Bobs", rio, login_pattern="^bob")
    bob, bobby, alice = (
        create("bob", "bob@asia.example"),
        create("bobby", "bobby@rio.example"),
        create("al", "al@x.example"),
    )
    assert [bob.home, bobby.home, alice.home] == [tokyo, rio, paris]
    assert (bob.placement.kind, bob.placement.rule, bob.placement.home) == (Kind.RULE, asia, tokyo)
    assert alice.placement.kind == Kind.DEFAULT


def test_without_rules_and_default_a_new_user_lives_here_and_that_is_said(paris: Server) -> None:
    bob = create("bob", "bob@asia.example")
    assert bob.home == paris
    assert bob.placement.kind == Kind.NONE
    assert "No default server is chosen" in next(iter(standing.conditions())).text


def test_without_a_default_whom_no_rule_matches_stays(paris: Server, tokyo: Server, bob: User) -> None:
    make_rule("Rio", paris, email_pattern="rio")
    changed(bob)
    assert home(bob) == tokyo
    assert bob.placement.kind == Kind.NONE


def test_a_changed_address_moves_a_user_at_once(paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    make_rule("Asia", tokyo, email_pattern="@asia[.]")
    bob = create("bob", "bob@rio.example")
    bob.email = "bob@asia.example"
    people.save(bob, changed={"email"})
    assert (bob.home, home(bob)) == (tokyo, tokyo)


def test_only_a_change_of_what_rules_may_read_places_somebody_anew(paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    bob = create("bob", "bob@x.example")
    make_rule("All", tokyo, login_pattern=".")  # and nobody chose Recalculate
    bob.name, bob.role = "Robert", User.Role.ADMINISTRATOR
    people.save(bob, changed={"name", "role"})
    people.save(bob, "another correct horse", changed=set())
    assert home(bob) == paris
    bob.email = "robert@x.example"
    people.save(bob, changed={"email"})
    assert home(bob) == tokyo


def test_what_a_directory_says_places_people(paris: Server, tokyo: Server, rio: Server) -> None:
    choose_default(paris)
    make_rule("Staff", tokyo, group_pattern="^asia staff$", dn_pattern="ou=kyoto,")
    make_rule("Sound", rio, ldap=[["Department", "^sound$"]])
    bob = from_directory("bob", paris, dn="CN=Bob,OU=Kyoto,DC=x", groups=["All", "Asia Staff"])
    rita = from_directory("rita", paris, fields={"department": ["Film", "Sound"]})
    dora = make_user("dora", paris)  # not from a directory
    changed(bob, rita, dora)
    assert [home(bob), home(rita), home(dora)] == [tokyo, rio, paris]
    Entry.objects.filter(user=bob).update(groups=["All"])  # he left the group
    changed(bob)
    assert home(bob) == paris


def test_rules_never_touch_whoever_was_placed_by_hand(paris: Server, tokyo: Server, rio: Server) -> None:
    make_rule("Asia", tokyo, email_pattern="@asia[.]")
    bob = create("bob", "bob@asia.example", rio)
    assert (home(bob), bob.placement.kind) == (rio, Kind.HAND)
    bob.name, bob.email = "Bob", "bob2@asia.example"
    people.save(bob, changed={"email"}, by="Somebody")
    assert (home(bob), bob.placement.by) == (rio, "")
    bob.home = paris
    people.save(bob, changed={"home"}, by="Ada")
    assert (home(bob), Placement.objects.get(user=bob).by) == (paris, "Ada")
    bob.home_by_hand = False
    people.save(bob, changed={"home_by_hand"})
    assert (home(bob), Placement.objects.get(user=bob).kind) == (tokyo, Kind.RULE)


def test_local_accounts_and_a_slaves_copies_are_left_alone(paris: Server, tokyo: Server) -> None:
    make_rule("All", tokyo, login_pattern=".")
    rescue = make_user("rescue", paris, local=True)
    dora = make_user("dora", paris)
    placing.place({rescue.pk})
    assert home(rescue) == paris
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    placing.place({dora.pk})
    assert home(dora) == paris
    assert list(standing.conditions()) == []


def test_a_rule_whose_server_was_removed_places_nobody_and_that_is_said(
    paris: Server, tokyo: Server, rio: Server
) -> None:
    choose_default(paris)
    make_rule("Asia", tokyo, email_pattern="@asia[.]")
    make_rule("Bobs", rio, login_pattern="^bob")
    bob, al = create("bob", "bob@asia.example"), create("al", "al@asia.example", tokyo)
    Server.objects.filter(pk=tokyo.pk).update(removed_at="2026-01-01T00:00:00Z")
    cluster.server_removed.send(Server, server=tokyo)
    assert [home(bob), home(al)] == [rio, paris]
    assert not al.home_by_hand
    (condition,) = standing.conditions()
    assert "rule Asia places nobody: its home server, tokyo, was removed" in condition.text


def test_many_are_placed_without_a_query_for_each(paris: Server, tokyo: Server) -> None:
    choose_default(paris)
    make_rule("Odd", tokyo, email_pattern="[13579]@", group_pattern="")
    User.objects.bulk_create(
        User(login=f"u{number}", name="U", email=f"u{number}@x.example", home=paris) for number in range(2_500)
    )
    ids = set(User.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert placing.place(ids) == 1_250
    assert len(queries) < 40
    with CaptureQueriesContext(connection) as queries:
        assert placing.place(ids) == 0
    assert not any("INSERT" in query["sql"] for query in queries)
    assert User.objects.filter(home=tokyo).count() == 1_250


def test_external_rules_look_at_the_address_only_and_only_at_people_outside(
    paris: Server, tokyo: Server, rio: Server
) -> None:
    choose_default(paris)
    make_rule("Outside", tokyo, external=True, email_pattern="@asia[.]", login_pattern="^nobody$")
    make_rule("Staff", rio, email_pattern="@")
    asia, elsewhere = "guest@ASIA.example", "guest@rio.example"
    assert homes_of_external([asia, elsewhere]) == {asia: tokyo.pk, elsewhere: None}, "None: the sender's server"
    assert create("bob", "bob@asia.example").home == rio
    Server.objects.filter(pk=tokyo.pk).update(removed_at="2026-01-01T00:00:00Z")
    assert homes_of_external([asia]) == {asia: None}
    Rule.objects.all().delete()
    assert homes_of_external([asia]) == {asia: None}
