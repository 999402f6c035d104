"""Searching packages in a real browser: by keyboard, in the light and the dark, on a desk and a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from posthouse.accounts.models import User
from posthouse.packages import drafts
from posthouse.packages.models import Package
from tests.packages.conftest import upload
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def packages(admin: User, alice: User) -> list[Package]:
    User.objects.filter(pk=alice.pk).update(rows=25)
    return [
        upload(drafts.create(admin, f"Rushes of day {n}", "", ["admin", "alice"], [(f"take{n}.mov", 3)]))
        for n in range(30)
    ]


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_within_their_policy(
    visit: Visit, admin: User, packages: list[Package], size: tuple[int, int], scheme: str
) -> None:
    places = [reverse(f"packages:{name}") + "?q=rushes" for name in ("received", "sent", "all")]
    places += [reverse("packages:archive") + "?q=nothing", reverse("packages:received")]

    def search(page: Page, address: str) -> list[str]:
        return [fault for place in places for fault in faults(page, address + place)]

    assert visit(search, admin, size, scheme) == []


def test_somebody_searches_with_the_keyboard_alone(visit: Visit, alice: User, packages: list[Package]) -> None:
    def search(page: Page, address: str) -> list[str]:
        page.goto(address + reverse("packages:received"))
        page.get_by_role("searchbox").focus()
        page.keyboard.type("day 2")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=day*")
        seen = [page.get_by_role("row").count() - 1, page.get_by_role("searchbox").input_value()]
        page.get_by_role("searchbox").fill("rush")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=rush*")
        seen.append(page.get_by_role("row").count() - 1)
        page.get_by_role("link", name="Older").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**behind=*")
        seen.append(page.get_by_role("row").count() - 1)
        return seen

    assert visit(search, alice) == [1, "day 2", 25, 5]
