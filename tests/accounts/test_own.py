"""What people change about themselves on a slave is carried out at the master, and holds on both at once (D5)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import posthouse
from posthouse.accounts import own
from posthouse.accounts.models import User
from posthouse.cluster import calls, servers
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Reply
from posthouse.sync import digest
from posthouse.sync.models import Run
from tests.cluster.conftest import Signer
from tests.cluster.fake import Call, FakeNetwork
from tests.cluster.far import ANSWERS_LOST, AWAY, Far
from tests.conftest import PASSWORD, make_user
from tests.sync.test_runs import sync

NEW = "quite another secret"
PASSWORDS = {"present": PASSWORD, "password": NEW, "again": NEW}
NAME = {"change": "name", "name": "Robert"}
PREFERENCES = {"change": "preferences", "time_zone": "Asia/Tokyo", "mails": "none", "rows": "100"}

# Runs at tokyo: somebody, logged in in two browsers there, sends the form of his profile in one of them.
SEND = """
from django.test import Client
from django.urls import reverse
from posthouse.accounts.models import User
from posthouse.cluster import calls
from posthouse.cluster.errors import Broken
user = User.objects.get(login={login!r})
client, other = Client(), Client()
for browser in (client, other):
    browser.force_login(user)
network = calls.transport()
{trouble}
page = client.post(reverse('accounts:me'), {form!r}, secure=True, follow=True).content.decode()
{again}
user.refresh_from_db()
result = {{
    'page': page,
    'name': user.name,
    'zone': user.time_zone,
    'old': user.check_password({old!r}),
    'new': user.check_password({new!r}),
    'in': client.get(reverse('accounts:me'), secure=True).status_code == 200,
    'other': other.get(reverse('accounts:me'), secure=True).status_code == 200,
}}
network.down.clear()
network.__dict__.pop('send', None)
"""
ANSWER_LOST_ONCE = "network.cut.add('accounts/own')"
SAME_AGAIN = """
first = page
network.send = whole
page = first + client.post(reverse('accounts:me'), {form!r}, secure=True, follow=True).content.decode()
"""


@pytest.fixture
def home(slave: Server) -> Server:
    """Tokyo, synced, with Bob."""
    make_user("alice", servers.this())
    make_user("bob", slave)
    sync(slave)
    return slave


def send(
    far: Far, form: Mapping[str, str], login: str = "bob", trouble: str = "", again: str = "", old: str = PASSWORD
) -> dict[str, Any]:
    again = again.format(form=dict(form))
    code = SEND.format(login=login, form=dict(form), trouble=trouble, again=again, old=old, new=NEW)
    result: dict[str, Any] = far.run(code)
    return result


def bob() -> User:
    return User.objects.get(login="bob")


def test_a_new_password_holds_on_both_servers_at_once(home: Server, far: Far) -> None:
    there = send(far, PASSWORDS)
    assert "Your password was changed." in there["page"]
    assert (there["old"], there["new"]) == (False, True)
    assert bob().check_password(NEW)
    assert (there["in"], there["other"]) == (True, False), "this session goes on, all others end"


def test_a_new_name_holds_on_both_servers_at_once(home: Server, far: Far) -> None:
    there = send(far, NAME)
    assert "Your name was changed." in there["page"]
    assert (there["name"], bob().name) == ("Robert", "Robert")
    assert there["in"]
    assert there["other"]


def test_new_preferences_hold_on_both_servers_at_once(home: Server, far: Far) -> None:
    there = send(far, PREFERENCES)
    assert "Your preferences were changed." in there["page"]
    assert there["zone"] == "Asia/Tokyo"
    assert (bob().time_zone, bob().mails, bob().rows) == ("Asia/Tokyo", "none", 100)


@pytest.mark.parametrize("form", [PASSWORDS, NAME, PREFERENCES])
def test_the_next_sync_finds_it_there_and_the_copies_equal(home: Server, far: Far, form: dict[str, str]) -> None:
    send(far, form)
    row = sync(home, Run.Kind.AUTOMATIC)
    assert (row.sent, row.changed, row.repaired, row.last_error) == (0, 0, False, ""), "it was there already"
    assert far.run("from posthouse.sync import digest\nresult = digest.afresh()") == digest.afresh()


@pytest.mark.parametrize(
    ("form", "field", "sentence"),
    [
        (PASSWORDS | {"present": "guess"}, "present", "This is not your present password."),
        (PASSWORDS | {"password": "short", "again": "short"}, "password", "at least 10 characters"),
        (PASSWORDS | {"password": "bob@example.com", "again": "bob@example.com"}, "password", "too similar"),
        (PASSWORDS | {"again": "something else"}, "again", "The two new passwords differ."),
        (NAME | {"name": "a\u202eb"}, "name", "U+202E cannot be seen"),
    ],
)
def test_what_the_master_refuses_is_said_beside_the_field(
    home: Server, far: Far, form: dict[str, str], field: str, sentence: str
) -> None:
    before = list(User.objects.values())
    there = send(far, form)
    assert sentence in there["page"]
    assert f'id="id_{field}_error"' in there["page"]
    assert (there["name"], there["old"], there["in"], there["other"]) == ("Bob", True, True, True)
    assert list(User.objects.values()) == before


@pytest.mark.parametrize(
    ("form", "what"),
    [(PASSWORDS, "password was"), (NAME, "name was"), (PREFERENCES, "preferences were")],
)
def test_with_the_master_away_nothing_is_changed_and_that_is_said(
    home: Server, far: Far, form: dict[str, str], what: str
) -> None:
    there = send(far, form, trouble=AWAY)
    assert f"Your {what} not changed: the master, paris, which keeps all accounts, cannot be reached" in there["page"]
    assert (there["name"], there["old"], there["in"], there["other"]) == ("Bob", True, True, True)
    assert (there["zone"], bob().time_zone) == ("", "")
    assert bob().check_password(PASSWORD)


def test_a_master_that_no_longer_trusts_this_server_changes_nothing(home: Server, far: Far) -> None:
    Server.objects.filter(pk=home.pk).update(removed_at=timezone.now())
    there = send(far, PASSWORDS)
    assert "does not work together with tokyo now. Tell an administrator." in there["page"]
    assert (there["old"], there["in"]) == (True, True)
    assert bob().check_password(PASSWORD)


@pytest.mark.parametrize("form", [PASSWORDS, NAME, PREFERENCES])
def test_a_call_whose_answer_is_lost_is_made_again_without_harm(home: Server, far: Far, form: dict[str, str]) -> None:
    there = send(far, form, trouble=ANSWER_LOST_ONCE)
    assert re.search(r"(was|were) changed\.", there["page"])
    assert there["in"]


def test_when_nobody_knows_whether_it_was_changed_the_same_can_be_done_again(home: Server, far: Far) -> None:
    there = send(far, PASSWORDS, trouble=ANSWERS_LOST, again=SAME_AGAIN)
    assert "tokyo does not know whether your password was changed" in there["page"]
    assert "Your password was changed." in there["page"]
    assert (there["new"], there["in"]) == (True, True)
    assert bob().check_password(NEW)


def test_a_local_account_is_changed_on_its_own_server(home: Server, far: Far) -> None:
    there = send(far, PASSWORDS, login="boss", trouble=AWAY)
    assert "Your password was changed." in there["page"]
    assert (there["new"], there["in"]) == (True, True)
    assert not User.objects.filter(login="boss").exists()


# What the master answers to a slave


def ask(client: Client, signer: Signer, question: object) -> HttpResponse:
    path, body = reverse("accounts:own"), json.dumps(question).encode()
    headers: Any = signer.sign("POST", path, body=body)
    return client.post(path, body, content_type="application/json", headers=headers, secure=True)


def about(user: User, **wish: str) -> dict[str, Any]:
    return {"user": str(user.pk), "wish": wish or {"name": "Robert"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [("time_zone", "Mars/Olympus"), ("time_zone", "../etc/passwd"), ("mails", "hourly"), ("rows", "7"), ("rows", "x")],
)
def test_preferences_that_are_not_to_choose_are_refused(
    client: Client, signer: Signer, bob: User, name: str, value: str
) -> None:
    wish = {"time_zone": "Asia/Tokyo", "mails": "none", "rows": "100"} | {name: value}
    assert set(ask(client, signer, about(bob, **wish)).json()["errors"]) == {name}
    bob.refresh_from_db()
    assert (bob.time_zone, bob.mails, bob.rows) == ("", "every", 50)


def test_the_home_server_may_ask(client: Client, signer: Signer, bob: User) -> None:
    assert ask(client, signer, about(bob)).json() == {"name": "Robert"}


def _of_another_home(signer: Signer) -> User:
    return make_user("alice", servers.this())


def _inactive(signer: Signer) -> User:
    return make_user("bob", signer.server, is_active=False)


def _removed(signer: Signer) -> User:
    return make_user("bob", signer.server, removed_at=timezone.now())


def _local(signer: Signer) -> User:
    return make_user("bob", signer.server, local=True)


def _unknown(signer: Signer) -> User:
    return User(login="bob")


def _at_a_slave(signer: Signer) -> User:
    Server.objects.filter(is_self=True).update(role=Server.Role.SLAVE)
    return make_user("bob", signer.server)


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (_of_another_home, 403, "home"),
        (_inactive, 404, "user"),
        (_removed, 404, "user"),
        (_local, 404, "user"),
        (_unknown, 404, "user"),
        (_at_a_slave, 409, "role"),
    ],
)
def test_nobody_else_may_change_an_account(
    client: Client, signer: Signer, make: Callable[[Signer], User], status: int, code: str
) -> None:
    user = make(signer)
    before = list(User.objects.values())
    for wish in ({"name": "Robert"}, {"present": PASSWORD, "password": NEW}):
        answer = ask(client, signer, about(user, **wish))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert list(User.objects.values()) == before


def test_a_server_of_another_version_changes_nothing(
    client: Client, signer: Signer, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body = reverse("accounts:own"), json.dumps(about(bob)).encode()
    with monkeypatch.context() as other:
        other.setattr(posthouse, "__version__", "0.0.0")
        headers: Any = signer.sign("POST", path, body=body)
    answer = client.post(path, body, content_type="application/json", headers=headers, secure=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "version")


def test_only_servers_may_ask(client: Client, bob: User) -> None:
    assert client.post(reverse("accounts:own"), about(bob), "application/json", secure=True).status_code == 401


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"user": "bob", "wish": {"name": "x"}},
        {"user": 5, "wish": {"name": "x"}},
        {"user": "0" * 32, "wish": {}},
        {"user": "0" * 32, "wish": {"name": 5}},
        {"user": "0" * 32, "wish": {"email": "x"}},
        {"user": "0" * 32, "wish": {"name": "x", "role": "administrator"}},
        {"user": "0" * 32, "wish": {"password": NEW}},
        {"user": "0" * 32, "wish": {"rows": "100"}},
        {"user": "0" * 32, "wish": "name"},
        [],
    ],
)
def test_a_question_that_makes_no_sense_is_refused(client: Client, signer: Signer, question: object) -> None:
    assert ask(client, signer, question).status_code == 400


def test_a_password_that_is_so_already_is_no_error_but_a_guess_is(client: Client, signer: Signer, bob: User) -> None:
    again = about(bob, present="an older secret", password=PASSWORD)
    assert ask(client, signer, again).json() == {"password": bob.password, "password_at": None}
    guess = about(bob, present="an older secret", password=NEW)
    assert ask(client, signer, guess).json() == {"errors": {"present": ["This is not your present password."]}}


# Races


def test_of_two_changes_of_one_password_at_once_one_wins_and_the_other_is_told(alice: User) -> None:
    rival = User.objects.get(pk=alice.pk)
    own.change(rival, {"present": PASSWORD, "password": NEW})
    with pytest.raises(ValidationError, match="changed elsewhere at this moment"):
        own.change(alice, {"present": PASSWORD, "password": "a third good secret"})
    alice.refresh_from_db()
    assert alice.check_password(NEW)


@dataclass
class Slow(FakeNetwork):
    """A master whose answer is overtaken by a sync that brings a later change."""

    user: User

    def answer(self, call: Call) -> Reply:
        User.objects.filter(pk=self.user.pk).update(name="Later", password="later")
        wish = json.loads(call.body)["wish"]
        field = "password" if "password" in wish else "name"
        return Reply(200, {}, json.dumps({field: "earlier", "password_at": "2026-11-01T00:00:00+00:00"}).encode())


@pytest.mark.parametrize("wish", [{"name": "Earlier"}, {"present": PASSWORD, "password": NEW}])
def test_an_answer_that_a_sync_has_overtaken_is_not_written(
    paris: Server, tokyo: Server, alice: User, wish: dict[str, str]
) -> None:
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    with calls.through(Slow(alice)):
        own.change(alice, wish)
    alice.refresh_from_db()
    assert (alice.name, alice.password) == ("Later", "later")
