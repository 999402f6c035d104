"""The security page and the audit log in a real browser, in the light and the dark, on a desk and a phone."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from posthouse.accounts import lockout
from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.audit.models import Event
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_the_pages_are_accessible_and_within_their_policy(
    visit: Visit, admin: User, alice: User, size: tuple[int, int], scheme: str
) -> None:
    SignIn.objects.create(lock_after=1)
    for _ in range(2):
        with contextlib.suppress(lockout.Locked):
            lockout.begin("alice", "192.0.2.1")
    long = "The account of somebody with averylongnamethatdoesnotbreakanywhere_and_goes_on_and_on@example.com"
    Event.objects.bulk_create(
        Event(
            at=timezone.now() - timedelta(minutes=number * number),
            action=("login", "account.changed", "login.refused")[number % 3],
            text=f"{long} was changed: Name Alice → Alicia {number}.",
            actor="Alice",
            actor_id=alice.pk,
            subject_kind="user",
            subject_id=alice.pk,
            address="2001:db8:85a3:8d3:1319:8a2e:370:7348",
        )
        for number in range(70)
    )
    places = [
        reverse("accounts:security"),
        reverse("audit:log"),
        reverse("audit:log") + "?q=nothing+of+the+kind",
        reverse("audit:retention"),
        reverse("accounts:edit", args=[alice.pk]),
    ]

    def look(page: Page, address: str) -> list[str]:
        found = [fault for place in places for fault in faults(page, address + place)]
        page.get_by_role("button", name="Unlock now").click()
        page.get_by_text("Alice can log in again.").wait_for()
        page.goto(address + reverse("audit:log"))
        page.get_by_label("Words").fill("Alicia 69")
        page.get_by_role("button", name="Search").click()
        assert page.get_by_role("row").count() == 2  # the head, and the one that is looked for
        return found

    assert visit(look, admin, size, scheme) == []
