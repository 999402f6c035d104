"""Server > Configuration > Transfers in a browser: usable by everybody, the calendar by keyboard too (R55, R56)."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.relays.models import RateSample, RelayLimits
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def measured(admin: User, tokyo: Server, rio: Server) -> None:
    """Office hours that are marked, and a relay that sends."""
    marked = "".join("1" if hour // 24 < 5 and 8 <= hour % 24 < 18 else "0" for hour in range(168))
    RelayLimits.objects.create(pk=1, bandwidth=100, other_bandwidth=100, marked=marked)
    now = timezone.now()
    RateSample.objects.bulk_create(
        RateSample(at=now - timedelta(seconds=ago), sent=11e6 + 1e6 * math.sin(ago / 3), allowed=12.5e6)
        for ago in range(110)
    )


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_within_its_policy(
    visit: Visit, admin: User, measured: None, size: tuple[int, int], scheme: str
) -> None:
    place = reverse("relays:transfers")
    assert visit(lambda page, address: faults(page, address + place), admin, size, scheme) == []


def test_the_calendar_is_marked_with_the_keyboard_and_kept(visit: Visit, admin: User, measured: None) -> None:
    def mark(page: Page, address: str) -> None:
        page.goto(address + reverse("relays:transfers"))
        page.get_by_label("Monday 00:00").focus()
        page.keyboard.press("ArrowUp")  # round to Sunday
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        page.get_by_label("Outgoing bandwidth (Mbit/s)", exact=False).first.fill("80")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("was saved")).to_be_visible()
        expect(page.get_by_label("Sunday 01:00")).to_be_checked()

    visit(mark, admin)
    saved = RelayLimits.objects.get()
    assert saved.bandwidth == 80
    assert saved.marked[144:147] == "110"


def test_dragging_marks_what_is_passed_and_a_heading_marks_a_day(visit: Visit, admin: User, measured: None) -> None:
    def drag(page: Page, address: str) -> None:
        page.goto(address + reverse("relays:transfers"))
        page.get_by_label("Saturday 02:00").scroll_into_view_if_needed()
        page.get_by_label("Saturday 02:00").hover()
        page.mouse.down()
        page.get_by_label("Saturday 03:00").hover()
        page.get_by_label("Saturday 04:00").hover()
        page.mouse.up()
        for hour, on in (("01", False), ("02", True), ("03", True), ("04", True), ("05", False)):
            expect(page.get_by_label(f"Saturday {hour}:00")).to_be_checked(checked=on)
        page.get_by_role("rowheader", name="Sunday").click()
        expect(page.get_by_label("Sunday 23:00")).to_be_checked()

    visit(drag, admin)
