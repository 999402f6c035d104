"""Passwords and sessions as administrators set them, and the page on which they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from posthouse.accounts import own, passwords, people
from posthouse.accounts.models import User
from posthouse.accounts.security import OldPassword, PasswordRules, SignIn
from posthouse.accounts.sessions import user_for_cookie
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.licensing.models import Session
from tests.accounts.test_login import is_in, log_in
from tests.accounts.test_sessions import cookie
from tests.conftest import PASSWORD, make_user

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PAGE = reverse("accounts:security")
LOGIN = {"part": "login", "lock_after": "10", "lock_minutes": "15", "networks": "", "administrator_networks": ""}
RULES = {"part": "passwords", "least": "12", "kinds": "3", "history": "2", "days": "90"}


def sign_in(**fields: object) -> None:
    SignIn.objects.update_or_create(pk=SignIn.ONLY, defaults=fields)


def rules(**fields: object) -> None:
    PasswordRules.objects.update_or_create(pk=PasswordRules().pk, defaults=fields)


# Passwords


@pytest.mark.parametrize(
    ("password", "least", "kinds", "wrong"),
    [
        ("abcdefghij", 10, 1, 0),
        ("abcdefghi", 10, 1, 1),
        ("abcdefghij", 10, 2, 1),
        ("Abcdefgh1j", 10, 3, 0),
        ("Abcdefgh1!", 10, 4, 0),
        ("Äß٣ 漢字漢字漢字", 10, 4, 0),  # letters and digits of any script
        ("short", 10, 3, 2),
    ],
)
def test_the_rules_count_characters_and_their_kinds(password: str, least: int, kinds: int, wrong: int) -> None:
    assert len(passwords.problems(password, least, kinds)) == wrong


def test_new_passwords_keep_to_the_rules_wherever_they_are_chosen(alice: User) -> None:
    rules(least=20, kinds=3)
    for change in (
        lambda: people.save(alice, "Nineteen-characters", {"name"}),
        lambda: own.change(alice, {"present": PASSWORD, "password": "twenty-characters-and-more"}),
    ):
        with pytest.raises(ValidationError) as refused:
            change()
        assert "needs at least" in str(refused.value.message_dict["password"])
    own.change(alice, {"present": PASSWORD, "password": "Twenty-characters-and-more"})


def test_earlier_passwords_are_refused_as_far_back_as_the_rule_says(alice: User) -> None:
    rules(history=2)
    one, two, three = (f"a secret of day {number}" for number in (1, 2, 3))
    own.change(alice, {"present": PASSWORD, "password": one})
    own.change(alice, {"present": one, "password": two})
    for taken in (one, two):
        with pytest.raises(ValidationError, match="one of the last 2 passwords"):
            own.change(alice, {"present": two, "password": taken})
    own.change(alice, {"present": two, "password": three})
    own.change(alice, {"present": three, "password": one})
    assert OldPassword.objects.filter(user=alice).count() == 4


def test_an_administrator_cannot_give_an_earlier_password_either(alice: User) -> None:
    rules(history=3)
    people.save(alice, "another good secret", {"name"})
    with pytest.raises(ValidationError, match="one of the last 3"):
        people.save(alice, PASSWORD, {"name"})


def test_a_password_that_is_too_old_must_be_changed_before_anything_else(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        own.change(alice, {"present": PASSWORD, "password": "the first secret"})
        rules(days=30)
        log_in(client, "alice", "the first secret")
        assert client.get(reverse("packages:received"), secure=True).status_code == 200
        client.logout()
        clock.shift(timedelta(days=30))
        log_in(client, "alice", "the first secret")
        assert client.get(reverse("packages:received"), secure=True).headers["Location"] == reverse("accounts:me")
        assert user_for_cookie(cookie(client)) is None, "the data plane waits, too"
        assert b"Your password is too old" in client.get(reverse("accounts:me"), secure=True).content
        new = {"present": "the first secret", "password": "the second secret", "again": "the second secret"}
        client.post(reverse("accounts:me"), new, secure=True)
        assert client.get(reverse("packages:received"), secure=True).status_code == 200
        assert user_for_cookie(cookie(client)) == alice


# Sessions


def test_one_session_per_user_ends_the_others(alice: User, admin: User) -> None:
    sign_in(one_session=True)
    first, second, other = Client(), Client(), Client()
    log_in(first, "alice")
    log_in(other, "admin")
    log_in(second, "alice")
    assert not is_in(first)
    assert is_in(second)
    assert is_in(other)


def test_a_shorter_timeout_holds_for_sessions_that_have_begun(client: Client, alice: User, admin: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        log_in(client, "alice")
        boss = Client()
        log_in(boss, "admin")
        boss.post(PAGE, LOGIN | {"session_minutes": "5"}, secure=True)
        assert SignIn.in_force().session_minutes == 5
        clock.shift(timedelta(minutes=6))
        assert user_for_cookie(cookie(client)) is None
        assert not is_in(client)
        log_in(client, "alice")
        clock.shift(timedelta(minutes=4))
        assert is_in(client)
        assert Session.objects.filter(user=alice.pk).latest("seen_at").expire_date <= START + timedelta(minutes=15)


# The page


def test_what_is_saved_holds_and_is_written_down(client: Client, admin: User) -> None:
    client.force_login(admin)
    client.post(PAGE, RULES, secure=True)
    client.post(
        PAGE, LOGIN | {"lock_after": "4", "one_session": "on", "networks": "127.0.0.0/8\n10.0.0.0/8"}, secure=True
    )
    assert (PasswordRules.in_force().least, PasswordRules.in_force().kinds) == (12, 3)
    assert (SignIn.in_force().lock_after, SignIn.in_force().one_session) == (4, True)
    texts = " ".join(Event.objects.filter(action__startswith="security.").values_list("text", flat=True))
    assert "Characters at least: 10 → 12" in texts
    assert "One session per user: no → yes" in texts
    page = client.get(reverse("accounts:new"), secure=True).content.decode()
    assert "At least 12 characters of 3 kinds" in page


def test_an_administrator_cannot_lock_himself_out(client: Client, admin: User) -> None:
    client.force_login(admin)
    for field in ("networks", "administrator_networks"):
        page = client.post(PAGE, LOGIN | {field: "192.0.2.0/24"}, secure=True).content.decode()
        assert "you would lock yourself out" in page
    assert SignIn.in_force().networks == ""


@pytest.mark.parametrize(
    ("field", "value"), [("least", "7"), ("least", ""), ("kinds", "5"), ("history", "-1"), ("days", "99999")]
)
def test_numbers_that_make_no_sense_are_refused(client: Client, admin: User, field: str, value: str) -> None:
    client.force_login(admin)
    client.post(PAGE, RULES | {field: value}, secure=True)
    assert not PasswordRules.objects.exists()


def test_on_a_slave_the_rules_for_passwords_are_the_masters(
    client: Client, admin: User, paris: Server, tokyo: Server
) -> None:
    """M4."""
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    client.force_login(admin)
    page = client.get(PAGE, secure=True).content.decode()
    assert f'href="https://tokyo.example{PAGE}"' in page
    assert 'name="least"' not in page
    assert client.post(PAGE, RULES, secure=True).status_code == 403
    assert not PasswordRules.objects.exists()
    client.post(PAGE, LOGIN | {"lock_after": "4"}, secure=True)
    assert SignIn.in_force().lock_after == 4, "how people log in is each server's own"


def test_the_page_is_for_administrators(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(PAGE, secure=True).status_code == 403


def test_changes_of_accounts_are_written_down(client: Client, admin: User, paris: Server) -> None:
    log_in(client, "admin")
    form = {"name": "Eve", "login": "eve", "email": "eve@example.com", "role": "user", "home": str(paris.pk)}
    client.post(reverse("accounts:new"), form | {"is_active": "on", "password": "a very good secret"}, secure=True)
    eve = User.objects.get(login="eve")
    changed = form | {"name": "Eva", "role": "administrator", "password": "a better secret"}
    client.post(reverse("accounts:edit", args=[eve.pk]), changed, secure=True)
    text = Event.objects.get(action="account.changed").text
    for words in ("Name Eve → Eva", "Role User → Administrator", "Active yes → no", "a new password"):
        assert words in text
    assert "secret" not in text
    assert Event.objects.get(action="account.made").subject_id == eve.pk
    client.post(reverse("accounts:logout"), secure=True)
    actions = list(Event.objects.order_by("at").values_list("action", flat=True))
    assert (actions[0], actions[-1]) == ("login", "logout")


def test_an_event_of_a_hand_made_user_is_his(client: Client, paris: Server) -> None:
    user = make_user("fay", paris)
    log_in(client, "fay")
    event = Event.objects.get(action="login")
    assert (event.actor_id, event.subject_id, event.address) == (user.pk, user.pk, "127.0.0.1")
