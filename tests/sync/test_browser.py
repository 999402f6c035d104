"""In a real browser: the page on which a stopped sync is decided about, and the settings of sync and guard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.lib.ids import uuid7
from posthouse.sync.models import Copy, HeldAccount, Hold
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS = [(DESK, "light"), (DESK, "dark"), (PHONE, "dark"), (PHONE, "light")]


@pytest.fixture
def hold(tokyo: Server) -> Hold:
    """A stopped sync that would make seventy people vanish, one of them with a very long name."""
    reason = "70 of the 240 accounts on tokyo would vanish at once. See who they are, and decide."
    Copy.objects.create(server=tokyo, status=Copy.Status.OUT_OF_SYNC, reason=reason)
    hold = Hold.objects.create(
        server=tokyo,
        cause=Hold.Cause.VANISHING,
        at=timezone.now(),
        present=240,
        vanishing=70,
        changing=1,
        appearing=0,
        question="q" * 64,
    )
    logins = ["an-unusually-long-user-name-" + "x" * 100, *(f"user{n:02}" for n in range(69))]
    HeldAccount.objects.bulk_create(
        HeldAccount(
            hold=hold,
            account=uuid7(),
            fate="vanishes",
            login=login,
            name=login.title(),
            email=f"{login[:60]}@x.example",
        )
        for login in logins
    )
    return hold


def shoot(page: Page, name: str, size: tuple[int, int], scheme: str) -> None:
    """Keep a picture, where SCREENSHOTS names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder, f"{name}-{size[0]}-{scheme}.png"), full_page=True)


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_decision_is_accessible_and_within_its_policy(
    visit: Visit, admin: User, hold: Hold, size: tuple[int, int], scheme: str
) -> None:
    def look(page: Page, address: str) -> list[str]:
        found = faults(page, address + reverse("sync:servers"))
        shoot(page, "servers", size, scheme)
        page.get_by_role("link", name="Decide about tokyo").click()
        page.get_by_text("70 of the 240 accounts on tokyo would vanish at once.").first.wait_for()
        found += faults(page, page.url)
        page.get_by_label("Type the name of the slave (tokyo) to go on").fill("paris")
        page.get_by_role("button", name="Go on").click()
        page.get_by_text("Type tokyo to go on.").wait_for()
        shoot(page, "hold", size, scheme)
        page.get_by_role("link", name="Next").click()
        page.get_by_text("user68", exact=True).wait_for()
        page.get_by_role("link", name="Changes: 1").click()
        return found

    assert visit(look, admin, size, scheme) == []


@pytest.mark.parametrize(("size", "scheme"), [LOOKS[0], LOOKS[2]])
def test_the_settings_are_accessible_and_within_their_policy(
    visit: Visit, admin: User, size: tuple[int, int], scheme: str
) -> None:
    def look(page: Page, address: str) -> list[str]:
        found = faults(page, address + reverse("sync:configure"))
        page.get_by_label("Fewer than this many may always vanish").fill("0")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("greater than or equal to 1").wait_for()
        shoot(page, "configure", size, scheme)
        return found

    assert visit(look, admin, size, scheme) == []
