"""Whoever types wrong passwords is locked out for a while, whether he has an account or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import time_machine
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from posthouse.accounts import lockout, networks
from posthouse.accounts.lockout import Count, one_more
from posthouse.accounts.models import User
from posthouse.accounts.security import Attempts
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from tests.accounts.test_login import is_in, log_in
from tests.accounts.test_security import START, sign_in
from tests.conftest import PASSWORD


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


def test_old_counts_are_forgotten(client: Client, alice: User) -> None:
    log_in(client, "alice", "guess")
    assert Attempts.objects.count() == 2
    with time_machine.travel(datetime.now(UTC) + timedelta(days=9)):
        assert lockout.forget_old() == 2
