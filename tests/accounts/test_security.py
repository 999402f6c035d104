"""Passwords, lock-out, sessions and networks, as administrators set them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from posthouse.accounts import lockout, networks, own, passwords, people
from posthouse.accounts.lockout import Count, one_more
from posthouse.accounts.models import User
from posthouse.accounts.security import Attempts, OldPassword, PasswordRules, SignIn
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


# Lock-out


def test_after_so_many_wrong_passwords_the_right_one_is_not_taken_and_the_answer_is_the_same(
    client: Client, alice: User
) -> None:
    sign_in(lock_after=3)
    wrong = [log_in(client, "alice", f"guess {number}").content for number in range(3)]
    locked = log_in(client, "Alice")
    assert not is_in(client)
    assert b"The user name or the password is wrong" in locked.content
    assert len(locked.content) == len(wrong[0]) or abs(len(locked.content) - len(wrong[0])) < 50


def test_names_that_nobody_has_are_locked_in_the_same_way(client: Client, paris: Server) -> None:
    sign_in(lock_after=2)
    for _ in range(4):
        log_in(client, "nobody", "guess")
    assert lockout.until("NOBODY ") is not None


def test_the_lock_ends_by_itself_and_guessing_on_does_not_make_it_longer(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        sign_in(lock_after=2, lock_minutes=15)
        for _ in range(3):
            log_in(client, "alice", "guess")
        clock.shift(timedelta(minutes=14))
        log_in(client, "alice")
        assert not is_in(client)
        clock.shift(timedelta(minutes=1))
        log_in(client, "alice")
        assert is_in(client)


def test_without_a_limit_nobody_is_locked(client: Client, alice: User) -> None:
    sign_in(lock_after=0)
    Attempts.objects.create(key=lockout.of_login("alice"), count=5000)
    log_in(client, "alice")
    assert is_in(client)


def test_a_right_password_forgets_the_wrong_ones(client: Client, alice: User) -> None:
    sign_in(lock_after=2)
    for _ in range(3):
        log_in(client, "alice", "guess")
        Client().get("/")
        log_in(client, "alice")
        assert is_in(client)
        client.logout()


def test_an_administrator_unlocks(client: Client, alice: User, admin: User) -> None:
    sign_in(lock_after=1)
    for _ in range(2):
        log_in(Client(), "alice", "guess")
    client.force_login(admin)
    page = client.get(reverse("accounts:edit", args=[alice.pk]), secure=True).content
    assert b"Unlock now" in page
    client.post(reverse("accounts:unlock", args=[alice.pk]), secure=True)
    assert b"Unlock now" not in client.get(reverse("accounts:edit", args=[alice.pk]), secure=True).content
    assert Event.objects.get(action="account.unlocked").subject_id == alice.pk
    person = Client()
    log_in(person, "alice")
    assert is_in(person)


def test_the_present_password_cannot_be_guessed_either(client: Client, alice: User) -> None:
    sign_in(lock_after=2)
    log_in(client, "alice")
    new = {"password": "quite another secret", "again": "quite another secret"}
    for present in ("guess one", "guess two", PASSWORD):
        page = client.post(reverse("accounts:me"), new | {"present": present}, secure=True).content
    assert b"Too many wrong passwords" in page
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_an_address_is_locked_when_it_tries_many_names(client: Client, alice: User) -> None:
    sign_in(lock_after=1)
    for number in range(lockout.ADDRESS_FACTOR):
        log_in(client, f"name{number}", "guess")
    log_in(client, "alice")
    assert not is_in(client)
    elsewhere = Client(REMOTE_ADDR="192.0.2.9")
    log_in(elsewhere, "alice")
    assert is_in(elsewhere)


def test_all_addresses_of_one_ipv6_line_count_together() -> None:
    assert networks.site("2001:db8:1:2:aaaa::1") == networks.site("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert networks.site("::ffff:192.0.2.1") == "192.0.2.1"


def test_refused_log_ins_are_written_down_without_the_password_and_without_a_flood(client: Client, alice: User) -> None:
    written = []
    for number in range(1, 70):
        Attempts.objects.update_or_create(key="address:127.0.0.1", defaults={"count": number})
        written += [number] if lockout.is_written("127.0.0.1") else []
    assert written == [*range(1, lockout.WRITTEN + 1), 16, 32, 64]
    Attempts.objects.all().delete()
    log_in(client, "alice", "a guessed secret")
    events = Event.objects.filter(action="login.refused")
    assert events.get().subject_id == alice.pk
    assert not events.filter(text__contains="guessed").exists()
    first = events.order_by("at").first()
    assert first is not None
    assert (first.address, first.actor) == ("127.0.0.1", "visitor")


counts = st.builds(
    Count,
    st.integers(0, 50),
    st.none() | st.datetimes(timezones=st.just(UTC), min_value=START.replace(tzinfo=None)),
    st.none() | st.datetimes(timezones=st.just(UTC), min_value=START.replace(tzinfo=None)),
)


@given(counts, st.integers(1, 20), st.integers(1, 600))
def test_nobody_is_ever_locked_for_longer_than_the_lock_lasts(before: Count, limit: int, minutes: int) -> None:
    lock = timedelta(minutes=minutes)
    after = one_more(before, START, limit, lock)
    assert after.until is None or START < after.until <= START + lock


@given(st.integers(1, 30), st.integers(1, 600))
def test_at_most_the_limit_is_looked_at_within_the_lock(limit: int, minutes: int) -> None:
    count, lock = Count(), timedelta(minutes=minutes)
    looked_at = 0
    for second in range(limit + 5):
        count = one_more(count, START + timedelta(milliseconds=second), limit, lock)
        looked_at += count.until is None
    assert looked_at == limit


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


# Networks


@pytest.mark.parametrize(
    ("text", "address", "allowed"),
    [
        ("", "192.0.2.1", True),
        ("192.0.2.0/24", "192.0.2.1", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.0/24\n2001:db8::/32", "2001:db8::1", True),
        ("192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("2001:db8::/32", "fe80::1%eth0", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "", False),
        ("0.0.0.0/0", "nonsense", False),
    ],
)
def test_networks(text: str, address: str, allowed: bool) -> None:
    assert networks.allows(text, address) is allowed


@pytest.mark.parametrize("text", ["paris", "192.0.2.1/24", "192.0.2.0/33", "10.0.0.0/8 x", "1" * 300])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValidationError, match="is no network"):
        networks.check_networks(text)


def test_nobody_gets_in_from_another_network_and_nothing_is_told_about_accounts(alice: User) -> None:
    sign_in(networks="192.0.2.0/24")
    outside, inside = Client(REMOTE_ADDR="198.51.100.1"), Client(REMOTE_ADDR="192.0.2.5")
    for login in ("alice", "nobody"):
        assert b"From your network (198.51.100.1) nobody may log in" in log_in(outside, login).content
    assert not is_in(outside)
    log_in(inside, "alice")
    assert is_in(inside)


def test_a_session_is_of_no_use_in_another_network(client: Client, alice: User) -> None:
    log_in(client, "alice")
    sign_in(networks="192.0.2.0/24")
    answer = client.get(reverse("packages:received"), secure=True)
    assert answer.status_code == 403
    assert b"Not from this network" in answer.content
    assert user_for_cookie(cookie(client), "127.0.0.1") is None
    assert user_for_cookie(cookie(client), "192.0.2.5") == alice
    assert client.post(reverse("accounts:logout"), secure=True).status_code == 302


def test_administrators_have_networks_of_their_own(alice: User, admin: User) -> None:
    sign_in(networks="192.0.2.0/24", administrator_networks="198.51.100.0/24")
    office, cellar = Client(REMOTE_ADDR="192.0.2.5"), Client(REMOTE_ADDR="198.51.100.5")
    assert b"administrators may not log in" in log_in(office, "admin").content
    log_in(office, "alice")
    assert is_in(office)
    assert b"nobody may log in" in log_in(cellar, "alice").content
    log_in(cellar, "admin")
    assert is_in(cellar)


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


def test_old_counts_are_forgotten(client: Client, alice: User) -> None:
    log_in(client, "alice", "guess")
    assert Attempts.objects.count() == 2
    with time_machine.travel(datetime.now(UTC) + timedelta(days=9)):
        assert lockout.forget_old() == 2


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
