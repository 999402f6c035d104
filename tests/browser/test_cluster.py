"""The pages of Server > Multi-Server and one's own preferences, as administrators and people use them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import check_page, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_administrator_finds_the_way_through_the_cluster(page: Page, paris: RealServer, tokyo: RealServer) -> None:
    log_in(page, paris, "admin")
    servers = f"{paris.address}server/multi-server/"
    page.goto(servers)
    check_page(page)

    page.get_by_role("link", name="Test tokyo").click()
    expect(page.get_by_text("Everything that paris and tokyo need of one another works.")).to_be_visible()
    expect(page.get_by_text("Relay endpoint")).to_be_visible()
    expect(page.get_by_text("Testing")).to_have_count(0)
    check_page(page)

    page.goto(servers)
    page.get_by_role("button", name="Sync tokyo").press("Enter")
    expect(page.get_by_role("row", name="tokyo").get_by_text("OK", exact=True)).to_be_visible()
    for name in ("View History", "Edit tokyo", "Edit paris", "Add New Server", "Remove tokyo"):
        page.goto(servers)
        page.get_by_role("link", name=name).press("Enter")
        page.wait_for_url(lambda url: url != servers)
        check_page(page)

    page.goto(servers)
    page.get_by_role("link", name="Identity and keys").click()
    check_page(page)
    page.get_by_role("button", name="Begin rotation").click()
    expect(page.get_by_text("Knows the new key")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Sign with the new key").click()
    page.get_by_role("button", name="Retire the old key").click()
    expect(page.get_by_text("The old key is retired")).to_be_visible()


def test_people_choose_how_they_like_their_pages(page: Page, tokyo: RealServer) -> None:
    log_in(page, tokyo, "bob")
    page.goto(f"{tokyo.address}profile/")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("Rows per page").select_option("100")
    page.get_by_role("button", name="Change preferences").click()
    expect(page.get_by_text("Your preferences were changed.")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    check_page(page)
