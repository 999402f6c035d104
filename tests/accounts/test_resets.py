"""A forgotten password: one link, good once, for a while; and nobody learns whether there is such an account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest
import time_machine
from django.db import DataError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import lockout, own, people, resets, signals
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import LinkWish, PasswordLink
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.notices.models import OutgoingMail
from posthouse.notices.outbox import SECRET
from tests.cluster.far import Far
from tests.conftest import PASSWORD, make_user
from tests.sync.test_runs import sync

NEW = "quite another secret"
FORGOT = "/aspera/faspex/login/forgotten/"


def ask(client: Client, who: str) -> str:
    answer = client.post(FORGOT, {"who": who})
    assert answer.status_code == 200
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())


def secrets_sent() -> list[str]:
    resets.answer_wishes()
    return list(OutgoingMail.objects.order_by("created_at").values_list("secret", flat=True))


def place(secret: str) -> str:
    return reverse("accounts:choose", args=[secret])


def choose(client: Client, secret: str, password: str = NEW, again: str | None = None):
    return client.post(place(secret), {"password": password, "again": again or password}, follow=True)


@pytest.mark.parametrize("who", ["alice", " ALICE ", "alice@example.com", "Alice@Example.com"])
def test_a_link_sets_a_new_password_once(client: Client, alice: User, who: str) -> None:
    ask(client, who)
    [secret] = secrets_sent()
    mail = OutgoingMail.objects.get()
    assert mail.to == "alice@example.com"
    assert mail.subject == "Choose a new password for paris"
    assert f"https://paris.example{place(SECRET)}" in mail.text
    assert secret not in mail.text + mail.html, "administrators can read every mail"
    assert client.get(place(secret)).status_code == 200
    assert client.head(place(secret)).status_code == 200, "looking uses nothing up"
    page = choose(client, secret).content.decode()
    assert "Your password was set. Log in with it." in page
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert alice.password_at is not None
    assert choose(client, secret, "yet another secret").status_code == 404
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert Event.objects.filter(action="account.password", subject_id=alice.pk).count() == 1


def test_everybody_gets_the_same_answer(client: Client, alice: User, paris: Server) -> None:
    make_user("off", paris, is_active=False)
    make_user("gone", paris, removed_at=timezone.now())
    make_user("far", paris, directory="00000000-0000-7000-8000-000000000001")
    answers = {ask(client, who) for who in ("alice", "nobody", "off", "gone", "far", "<script>", "x" * 254)}
    assert len(answers) == 1
    assert len(secrets_sent()) == 1
    assert not LinkWish.objects.exists()


def test_the_database_does_the_same_for_everybody_while_he_waits(client: Client, alice: User) -> None:
    client.post(FORGOT, {"who": "warm up"})
    done = []
    for who in ("alice", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            client.post(FORGOT, {"who": who})
        done.append(len(queries))
    assert done[0] == done[1]


@pytest.mark.parametrize("secret", ["x", "0" * 43, "ü" * 43, "a" * 5000, "..%2f"])
def test_a_guessed_link_is_not_good(client: Client, alice: User, secret: str) -> None:
    answer = client.get(place(secret))
    assert answer.status_code == 404
    assert "This link is not good any more" in answer.content.decode()


def test_a_link_that_is_too_old_or_was_replaced_gets_the_same_answer(client: Client, alice: User) -> None:
    ask(client, "alice")
    ask(client, "alice")
    first, second = secrets_sent()
    assert choose(client, second).status_code == 200
    used = client.get(place(first))
    PasswordLink.objects.update(used_at=None, expires_at=timezone.now() - timedelta(seconds=1))
    old = client.get(place(second))
    guessed = client.get(place("guessed"))
    assert {answer.status_code for answer in (used, old, guessed)} == {404}
    assert used.content == old.content == guessed.content


def test_a_link_lasts_two_hours(client: Client, alice: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask(client, "alice")
        [secret] = secrets_sent()
        clock.shift(timedelta(hours=1, minutes=59))
        assert client.get(place(secret)).status_code == 200
        clock.shift(timedelta(minutes=2))
        assert client.get(place(secret)).status_code == 404


def test_nobody_can_flood_a_mailbox(client: Client, alice: User) -> None:
    for _ in range(8):
        ask(client, "alice")
    assert len(secrets_sent()) == resets.MOST_LINKS


def test_too_many_from_one_network_are_refused(client: Client, alice: User) -> None:
    for number in range(resets.MOST_ASKED):
        ask(client, f"nobody{number}")
    answer = client.post(FORGOT, {"who": "alice"})
    assert answer.status_code == 503
    assert "Too many links were asked for" in answer.content.decode()
    assert client.post(FORGOT, {"who": "alice"}, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_too_many_guesses_from_one_network_are_refused(client: Client, alice: User, monkeypatch) -> None:
    monkeypatch.setattr(resets, "MOST_WRONG", 3)
    for number in range(3):
        assert client.get(place(f"guess{number}")).status_code == 404
    assert client.get(place("guess")).status_code == 503
    ask(client, "alice")
    [secret] = secrets_sent()
    monkeypatch.setattr(resets, "_find", lambda *_: pytest.fail("it was looked at"))
    assert client.get(place(secret)).status_code == 503
    monkeypatch.undo()
    assert client.get(place(secret), REMOTE_ADDR="192.0.2.7").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=5)):
        assert client.get(place(secret)).status_code == 200


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [("short", "short", "at least 10 characters"), (NEW, "other", "The two passwords differ")],
)
def test_a_password_that_is_refused_does_not_use_the_link_up(
    client: Client, alice: User, password: str, again: str, said: str
) -> None:
    ask(client, "alice")
    [secret] = secrets_sent()
    assert said in choose(client, secret, password, again).content.decode()
    assert "Your password was set" in choose(client, secret).content.decode()


def test_a_new_password_ends_all_sessions_and_the_lock(client: Client, alice: User) -> None:
    other = Client()
    other.force_login(alice)
    for _ in range(11):
        try:
            lockout.begin("alice", "192.0.2.1")
        except lockout.Locked:
            break
    assert lockout.until("alice")
    ask(client, "alice")
    choose(client, secrets_sent()[0])
    assert lockout.until("alice") is None
    assert other.get(reverse("accounts:me")).status_code == 302


def test_two_who_use_a_link_at_once_set_one_password(client: Client, alice: User) -> None:
    ask(client, "alice")
    [secret] = secrets_sent()
    assert resets.choose_here(secret, NEW).user == alice
    assert resets.choose_here(secret, "another good secret").errors == (resets.NOT_GOOD,)


@pytest.mark.parametrize("change", ["address", "by an administrator", "by himself", "name"])
def test_a_link_ends_when_the_address_or_the_password_is_changed_otherwise(
    client: Client, alice: User, change: str
) -> None:
    ask(client, "alice")
    [secret] = secrets_sent()
    match change:
        case "address":
            alice.email = "alice@right.example"
            people.save(alice, changed={"email"})
        case "by an administrator":
            people.save(alice, "a password that was told", changed=set())
        case "by himself":
            own.change(alice, {"present": PASSWORD, "password": "his own new password"})
        case _:
            alice.name = "Alice B."
            people.save(alice, changed={"name"})
    assert resets.is_good_here(secret) == (change == "name")


def test_guesses_at_links_for_packages_do_not_count_here(client: Client, alice: User, monkeypatch) -> None:
    monkeypatch.setattr(resets, "MOST_WRONG", 3)
    for number in range(6):
        client.get(reverse("outside:open", args=[f"guess{number}"]))
    assert client.get(place("guess")).status_code == 404


def test_who_gets_a_new_account_chooses_his_password_by_a_link(client: Client, admin: User, paris: Server) -> None:
    client.force_login(admin)
    form = {"name": "Dora <b>", "login": "dora", "email": "dora@example.com", "role": "user", "is_active": "on"}
    answer = client.post(reverse("accounts:new"), form | {"password": ""})
    assert answer.status_code == 302
    mail = OutgoingMail.objects.get()
    assert mail.subject == "Welcome to paris, Dora <b>"
    assert "Your user name is dora. Choose a password with the link below" in mail.text
    assert "Dora &lt;b&gt;" in mail.html
    assert "Your password was set" in choose(Client(), mail.secret).content.decode()
    assert User.objects.get(login="dora").check_password(NEW)


def test_who_gets_a_password_from_an_administrator_is_welcomed_without_it(client: Client, admin: User) -> None:
    client.force_login(admin)
    form = {"name": "Dora", "login": "dora", "email": "dora@example.com", "role": "user", "is_active": "on"}
    client.post(reverse("accounts:new"), form | {"password": NEW})
    mail = OutgoingMail.objects.get()
    assert "An administrator tells you your password." in mail.text
    assert NEW not in mail.text + mail.html + mail.secret
    assert not PasswordLink.objects.exists()


class Unreachable(NamedTuple):
    """Somebody whose mail cannot be made, and the one trouble that keeps it from that."""

    user: User
    trouble: list[Exception]


@pytest.fixture
def no_mail_for_dora(paris: Server) -> Iterator[Unreachable]:
    """Dora, whose mail cannot be made."""
    dora = make_user("dora", paris)

    def fail(link: PasswordLink, **_: object) -> None:
        if link.user == dora:
            raise trouble[0]

    trouble: list[Exception] = [DataError("value too long")]
    signals.password_link_made.connect(fail)
    yield Unreachable(dora, trouble)
    signals.password_link_made.disconnect(fail)


def test_one_whose_mail_cannot_be_made_holds_nobody_up(
    client: Client, alice: User, no_mail_for_dora: Unreachable
) -> None:
    User.objects.filter(pk=alice.pk).update(email=no_mail_for_dora.user.email)
    for who in ("dora", no_mail_for_dora.user.email, "alice"):
        ask(client, who)
    assert len(secrets_sent()) == 2
    assert not LinkWish.objects.exists()
    assert {link.user for link in PasswordLink.objects.all()} == {alice}, "nothing is left of what was not mailed"


def test_wishes_wait_for_a_database_that_is_away(client: Client, no_mail_for_dora: Unreachable) -> None:
    no_mail_for_dora.trouble[0] = OperationalError("it is away")
    ask(client, "dora")
    with pytest.raises(OperationalError):
        resets.answer_wishes()
    assert LinkWish.objects.exists()


def test_old_links_are_forgotten(client: Client, alice: User) -> None:
    ask(client, "alice")
    secrets_sent()
    PasswordLink.objects.update(expires_at=timezone.now() - timedelta(days=31))
    assert resets.forget_old() == 1


# Runs at tokyo: somebody who has forgotten his password there asks for a link, or uses one.
AT_TOKYO = """
from django.test import Client
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import PasswordLink, LinkWish
from posthouse.cluster import calls
client = Client()
network = calls.transport()
{trouble}
answer = client.post({place!r}, {form!r}, secure=True, follow=True)
network.down.clear()
user = User.objects.get(login='bob')
result = {{
    'status': answer.status_code,
    'page': answer.content.decode(),
    'new': user.check_password({new!r}),
    'links': PasswordLink.objects.count() + LinkWish.objects.count(),
}}
"""


def at_tokyo(far: Far, where: str, form: dict[str, str], trouble: str = "") -> dict:
    result: dict = far.run(AT_TOKYO.format(place=where, form=form, trouble=trouble, new=NEW))
    return result


@pytest.fixture
def home(slave: Server) -> Server:
    """Tokyo, synced, with Bob."""
    make_user("bob", slave)
    sync(slave)
    return slave


def test_on_a_slave_the_master_makes_the_link_and_sets_the_password(home: Server, far: Far) -> None:
    there = at_tokyo(far, FORGOT, {"who": "bob"})
    assert "Look at your mail" in there["page"]
    assert there["links"] == 0, "links are kept at the master"
    [secret] = secrets_sent()
    mail = OutgoingMail.objects.get()
    assert mail.to == "bob@example.com"
    assert f"{home.origin}/aspera/faspex/login/choose/{SECRET}/" in mail.text, "his home server's page"
    there = at_tokyo(far, place(secret), {"password": "short", "again": "short"})
    assert "at least 10 characters" in there["page"]
    there = at_tokyo(far, place(secret), {"password": NEW, "again": NEW})
    assert "Your password was set" in there["page"]
    assert there["new"], "it holds there at once"
    assert User.objects.get(login="bob").check_password(NEW)
    assert at_tokyo(far, place(secret), {"password": NEW, "again": NEW})["status"] == 404


def test_on_a_slave_that_cannot_reach_the_master_nothing_is_changed(home: Server, far: Far) -> None:
    away = "network.down.add('paris.example')"
    for who in ("bob", "nobody"):
        there = at_tokyo(far, FORGOT, {"who": who}, away)
        assert "cannot be reached now. Nothing was changed." in there["page"]
    resets.write_down("bob")
    [secret] = secrets_sent()
    there = at_tokyo(far, place(secret), {"password": NEW, "again": NEW}, away)
    assert "cannot be reached now" in there["page"]
    assert User.objects.get(login="bob").check_password(PASSWORD)
    assert "Your password was set" in at_tokyo(far, place(secret), {"password": NEW, "again": NEW})["page"]
