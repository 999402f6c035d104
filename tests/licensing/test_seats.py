"""A seat is a user with a session (R7, D2)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.accounts.sessions import user_for_cookie
from posthouse.cluster.models import Server
from posthouse.licensing import seats
from posthouse.licensing.models import Session
from posthouse.licensing.tokens import Terms
from tests.accounts.test_login import is_in, log_in
from tests.accounts.test_sessions import cookie
from tests.conftest import make_user

Licensed = Callable[..., Terms]


@pytest.fixture
def dora(paris: Server) -> User:
    """Another user of this server."""
    return make_user("dora", paris)


def test_at_the_limit_a_further_log_in_is_refused_and_makes_no_session(
    alice: User, dora: User, licensed: Licensed
) -> None:
    licensed(seats=1)
    first, second = Client(), Client()
    log_in(first, "alice")
    answer = log_in(second, "dora")
    assert answer.status_code == 403
    assert b"The one seat of this server is taken" in answer.content
    assert not is_in(second)
    assert Session.objects.count() == 1
    assert is_in(first)


def test_nobody_learns_whether_seats_are_free_without_the_password(alice: User, dora: User, licensed: Licensed) -> None:
    licensed(seats=1)
    log_in(Client(), "alice")
    assert b"seat" not in log_in(Client(), "dora", "guess").content


def test_administrators_always_get_in(alice: User, admin: User, licensed: Licensed) -> None:
    licensed(seats=1)
    log_in(Client(), "alice")
    client = Client()
    assert log_in(client, "admin").status_code == 302
    assert is_in(client)
    assert seats.now() == seats.Seats(2, 1)


def test_several_sessions_of_one_user_take_one_seat(alice: User, dora: User, licensed: Licensed) -> None:
    licensed(seats=2)
    browsers = [Client(), Client(), Client()]
    for browser in browsers:
        assert log_in(browser, "alice").status_code == 302
    assert seats.now().used == 1
    assert log_in(Client(), "dora").status_code == 302
    browsers[0].post(reverse("accounts:logout"), secure=True)
    assert seats.now().used == 2, "alice has two more sessions"
    assert is_in(browsers[1])


def test_a_user_who_is_in_gets_in_again_when_all_seats_are_taken(alice: User, licensed: Licensed) -> None:
    licensed(seats=1)
    log_in(Client(), "alice")
    assert log_in(Client(), "alice").status_code == 302


def test_log_out_frees_the_seat(alice: User, dora: User, licensed: Licensed) -> None:
    licensed(seats=1)
    client = Client()
    log_in(client, "alice")
    client.post(reverse("accounts:logout"), secure=True)
    assert log_in(Client(), "dora").status_code == 302


def test_a_seat_is_kept_by_doing_something_and_lost_by_the_session_timeout(
    alice: User, dora: User, licensed: Licensed
) -> None:
    with time_machine.travel(datetime(2026, 11, 23, 9, tzinfo=UTC), tick=False) as clock:
        licensed(seats=1, ends=datetime(2027, 11, 23, tzinfo=UTC), begins=datetime(2026, 1, 1, tzinfo=UTC))
        client = Client()
        log_in(client, "alice")
        for _ in range(3):
            clock.shift(timedelta(minutes=50))
            assert is_in(client)
        assert log_in(Client(), "dora").status_code == 403
        clock.shift(timedelta(minutes=61))
        assert user_for_cookie(cookie(client)) is None, "the data plane takes no session without a seat"
        assert log_in(Client(), "dora").status_code == 302
        assert log_in(Client(), "alice").status_code == 403


def test_a_clock_that_is_set_back_leaves_no_seat_taken_by_nobody(alice: User, dora: User, licensed: Licensed) -> None:
    with time_machine.travel(datetime(2026, 11, 24, 9, tzinfo=UTC), tick=False) as clock:
        licensed(seats=1, ends=datetime(2027, 11, 23, tzinfo=UTC), begins=datetime(2026, 1, 1, tzinfo=UTC))
        client = Client()
        log_in(client, "alice")
        clock.shift(timedelta(days=-1))
        assert log_in(Client(), "dora").status_code == 302
        assert is_in(client), "whoever was in goes on"
        assert seats.now().used == 2


def test_without_any_licence_administrators_get_in_and_others_are_told_why(
    alice: User, admin: User, issue: Callable[..., str]
) -> None:
    answer = log_in(Client(), "alice")
    assert answer.status_code == 403
    assert b"This server has no licence yet" in answer.content
    assert log_in(Client(), "admin").status_code == 302


def test_people_go_on_when_the_licence_has_ended(alice: User, licensed: Licensed) -> None:
    terms = licensed(seats=1)
    with time_machine.travel(terms.ends + timedelta(days=30), tick=False):
        assert log_in(Client(), "alice").status_code == 302


def test_who_is_in_stays_in_when_a_smaller_licence_comes(alice: User, dora: User, licensed: Licensed) -> None:
    licensed(seats=2)
    first, second = Client(), Client()
    log_in(first, "alice")
    log_in(second, "dora")
    licensed(serial="smaller", seats=1)
    assert is_in(first)
    assert is_in(second)


def test_counting_costs_no_request_anything(client: Client, alice: User, licensed: Licensed) -> None:
    licensed(seats=5)
    log_in(client, "alice")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(reverse("accounts:me"), secure=True)
    assert not any("licensing_licence" in query["sql"] or "COUNT" in query["sql"] for query in queries)


@pytest.mark.django_db(transaction=True)
def test_two_who_want_the_last_seat_do_not_both_get_it(paris: Server, licensed: Licensed) -> None:
    people = [make_user(name, paris) for name in ("ann", "ben", "cid", "dan")]
    licensed(seats=2)
    start = Barrier(len(people))

    def come(user: User) -> int:
        try:
            start.wait(10)
            return log_in(Client(), user.login).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as threads:
        assert sorted(threads.map(come, people)) == [302, 302, 403, 403]
    assert seats.now().used == 2
