"""The pages of Server > Multi-Server and one's own preferences, as administrators and people use them."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import check_page, log_in

PARTS = (".top .brand", ".top .server-name", ".nav-main > ul > li", ".account-menu")

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


def test_a_sync_is_followed_to_its_end_without_loading_the_page_anew(
    page: Page, paris: RealServer, tokyo: RealServer
) -> None:
    log_in(page, paris, "admin")
    tokyo.stop()
    try:
        page.goto(f"{paris.address}server/multi-server/")
        row = page.get_by_role("row", name="tokyo")
        page.get_by_role("button", name="Sync tokyo").click()
        expect(row.get_by_text("The last sync failed: ")).to_be_visible()
    finally:
        tokyo.start()
    paris.execute("UPDATE sync_copy SET status = 'out_of_sync', reason = 'Nothing answers.'")
    page.reload()
    bar = page.get_by_label("What needs an administrator")
    expect(bar.get_by_text("tokyo is OUT OF SYNC. Nothing answers.")).to_be_visible()
    page.get_by_role("button", name="Sync tokyo").click()
    page.wait_for_load_state()
    page.evaluate("window.loaded = 'once'")
    expect(row.get_by_text("OK", exact=True)).to_be_visible()
    expect(row.get_by_text("just now")).to_be_visible()
    expect(row.get_by_text("unlimited")).to_be_visible()
    expect(page.get_by_text("tokyo is OUT OF SYNC")).to_have_count(0)
    assert page.evaluate("window.loaded") == "once"


def test_a_slave_shows_what_it_may_and_leads_to_the_master_for_the_rest(
    page: Page, paris: RealServer, tokyo: RealServer
) -> None:
    log_in(page, tokyo, "tokyo-keeper")
    for path in ("server/multi-server/", "server/multi-server/rules/", "accounts/", "accounts/new/"):
        page.goto(f"{tokyo.address}{path}")
        check_page(page)
        expect(page.get_by_role("link", name="Go to paris").first).to_be_visible()
        for action in ("Add New Server", "New account", "Convert to Slave"):
            expect(page.get_by_role("link", name=action)).to_have_count(0)
    page.goto(f"{tokyo.address}server/multi-server/")
    page.get_by_role("link", name="Test paris").click()
    expect(page.get_by_text("Everything that tokyo and paris need of one another works.")).to_be_visible()
    for path in ("server/configuration/sync/", "server/multi-server/history/", "server/multi-server/new/"):
        page.goto(f"{tokyo.address}{path}")
        check_page(page)
        expect(page.get_by_role("link", name="Go to paris")).to_have_attribute("href", f"{paris.address}{path}")


@pytest.mark.parametrize("width", [1000, 1200, 1280, 1440, 1920])
def test_the_navigation_has_room_at_every_width(page: Page, paris: RealServer, width: int) -> None:
    log_in(page, paris, "admin")
    page.set_viewport_size({"width": width, "height": 700})
    boxes = [box for part in PARTS for each in page.locator(part).all() if (box := each.bounding_box()) is not None]
    for left, right in itertools.pairwise(sorted(boxes, key=lambda box: box["x"])):
        assert left["x"] + left["width"] <= right["x"] + 1, "one lies over the other"
        assert right["height"] < 50, "it takes two lines"


def test_people_choose_how_they_like_their_pages(page: Page, tokyo: RealServer) -> None:
    log_in(page, tokyo, "bob")
    page.goto(f"{tokyo.address}profile/")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("Rows per page").select_option("100")
    page.get_by_role("button", name="Change preferences").click()
    expect(page.get_by_text("Your preferences were changed.")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    check_page(page)
