"""The licence page in a real browser: for everybody, in the light and the dark, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from posthouse.accounts.models import User
from posthouse.licensing.tokens import Terms
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_the_page_is_accessible_and_within_its_policy(
    visit: Visit, admin: User, licensed: Callable[..., Terms], size: tuple[int, int], scheme: str
) -> None:
    licensed(seats=25, licensee="Example Films with avery-long-name-that-doesnotbreak" * 3, multi_server=False)

    def look(page: Page, address: str) -> list[str]:
        found = faults(page, address + reverse("licensing:licence"))
        page.get_by_label("Text of the licence").fill("x" * 300)
        page.get_by_role("button", name="Install").click()
        page.get_by_text("This is no licence").wait_for()
        return found

    assert visit(look, admin, size, scheme) == []
