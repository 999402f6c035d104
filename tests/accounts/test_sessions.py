"""Sessions last while somebody is there, and end with the account's right to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.accounts.sessions import forget_old, user_for_cookie
from posthouse.cluster.models import Server
from posthouse.licensing.models import Session
from tests.conftest import PASSWORD, make_user

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
POLL = {"HX-Request": "true", "Posthouse-Poll": "1"}


@pytest.fixture
def visitor(client: Client, alice: User) -> Client:
    """Alice, logged in."""
    client.force_login(alice)
    return client


def is_in(client: Client, **headers: str) -> bool:
    answer = client.get(reverse("accounts:me"), headers=headers, secure=True)
    return b"My profile" in answer.content


def cookie(client: Client) -> str:
    return f"theme=dark; {settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def test_a_session_lasts_while_somebody_uses_it(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        for _ in range(5):
            clock.shift(timedelta(minutes=50))
            assert is_in(client)
        clock.shift(timedelta(minutes=61))
        assert not is_in(client)


def test_a_page_that_polls_does_not_keep_a_session(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        assert is_in(client)
        for _ in range(5):
            clock.shift(timedelta(minutes=11))
            assert is_in(client, **POLL)
        clock.shift(timedelta(minutes=11))
        assert not is_in(client, **POLL)


def test_a_click_through_htmx_is_a_person(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        for _ in range(3):
            clock.shift(timedelta(minutes=50))
            assert is_in(client, **{"HX-Request": "true"})


def test_a_part_of_a_page_that_needs_a_log_in_reloads_the_page(client: Client, db: None) -> None:
    """Otherwise the log-in page would appear in the middle of the page that was open."""
    answer = client.get(reverse("accounts:me"), headers=POLL, secure=True)
    assert answer.status_code == 200
    assert answer.headers["HX-Refresh"] == "true"
    assert answer.content == b""


def test_a_session_is_written_at_most_once_a_minute(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        is_in(client)
        ends = Session.objects.get().expire_date
        clock.shift(timedelta(seconds=59))
        is_in(client)
        assert Session.objects.get().expire_date == ends
        clock.shift(timedelta(seconds=1))
        is_in(client)
        assert Session.objects.get().expire_date == ends + timedelta(seconds=60)


def test_a_stranger_gets_no_session(client: Client, db: None) -> None:
    client.get(reverse("accounts:login"), secure=True)
    assert not Session.objects.exists()


@pytest.mark.parametrize("loss", [{"is_active": False}, {"removed_at": timezone.now()}])
def test_sessions_end_when_the_account_is_switched_off_or_removed(
    visitor: Client, alice: User, loss: dict[str, object]
) -> None:
    User.objects.filter(pk=alice.pk).update(**loss)
    assert user_for_cookie(cookie(visitor)) is None
    assert not is_in(visitor)


def test_sessions_end_when_the_home_changes(visitor: Client, alice: User, tokyo: Server) -> None:
    """M1: only administrators may be at a server that is not their home."""
    User.objects.filter(pk=alice.pk).update(home=tokyo)
    assert user_for_cookie(cookie(visitor)) is None
    assert not is_in(visitor)


def test_an_administrator_from_elsewhere_is_out_once_he_is_none(client: Client, paris: Server, tokyo: Server) -> None:
    boss = make_user("boss", tokyo, User.Role.ADMINISTRATOR)
    client.force_login(boss)
    assert is_in(client)
    User.objects.filter(pk=boss.pk).update(role=User.Role.USER)
    assert user_for_cookie(cookie(client)) is None
    assert not is_in(client)


def test_sessions_end_when_the_password_changes(visitor: Client, alice: User) -> None:
    alice.set_password("another good secret")
    alice.save()
    assert not is_in(visitor)


def test_whoever_changes_his_password_stays_in_here_and_nowhere_else(visitor: Client, alice: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(alice)
    new = "quite another secret"
    answer = visitor.post(
        reverse("accounts:me"), {"present": PASSWORD, "password": new, "again": new}, secure=True, follow=True
    )
    assert b"Your password was changed" in answer.content
    assert is_in(visitor)
    assert not is_in(elsewhere)


def test_the_data_plane_knows_a_session_by_its_cookie(visitor: Client, alice: User) -> None:
    assert user_for_cookie(cookie(visitor)) == alice
    assert user_for_cookie("") is None
    assert user_for_cookie(f"{settings.SESSION_COOKIE_NAME}=made-up") is None
    visitor.logout()
    assert user_for_cookie(f"{settings.SESSION_COOKIE_NAME}=") is None


def test_the_data_plane_refuses_a_session_that_has_ended(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        clock.shift(timedelta(minutes=61))
        assert user_for_cookie(cookie(client)) is None


def test_sessions_that_have_ended_are_deleted(client: Client, alice: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client.force_login(alice)
        forget_old()
        assert Session.objects.count() == 1
        clock.shift(timedelta(minutes=61))
        forget_old()
        assert Session.objects.count() == 0
