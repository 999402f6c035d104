"""The address book, workgroups and the header in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.servers import PASSWORD, RealServer
from tests.browser.conftest import SHOTS, check_page, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_address_book_is_kept_and_sent_to(page: Page, paris: RealServer, tmp_path: Path) -> None:
    log_in(page, paris, "dora")
    page.get_by_text("People", exact=True).click()
    page.get_by_role("link", name="Address book").click()
    expect(page.get_by_text("No contacts yet")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="New contact").first.click()
    check_page(page)
    page.get_by_label("Name").fill("Gina Outside")
    page.get_by_label("E-mail address").fill("Gina@outside.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("gina@outside.example")).to_be_visible()
    check_page(page)
    file = tmp_path / "contacts.csv"
    file.write_text("name;email;lists\nHans;hans@outside.example;Cutters\nBob;bob@example.com;Cutters\nBad;nothing;\n")
    page.get_by_role("link", name="Import").click()
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("Line 4: “nothing” is no e-mail address. Correct it.")).to_be_visible()
    check_page(page)
    page.goto(f"{paris.address}contacts/lists/")
    check_page(page)
    page.get_by_role("link", name="Cutters", exact=True).click()
    page.get_by_role("textbox", name="Add people").fill("alice, Gina <gina@outside.example>")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("cell", name="Gina Outside", exact=True)).to_be_visible()
    check_page(page)
    page.goto(f"{paris.address}packages/new")
    to = page.get_by_role("combobox", name="To", exact=True)
    to.press_sequentially("cut")
    expect(page.get_by_role("option", name="Cutters")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Goes to 4 people: 3 at paris (this server), 1 at tokyo.")).to_be_visible()
    to.press_sequentially("gin")
    expect(page.get_by_role("option", name="Gina Outside")).to_be_visible()
    check_page(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{paris.address}contacts/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert "hans@outside.example" in Path(download.value.path()).read_text()

    page.get_by_role("link", name="Delete Gina Outside").click()
    expect(page.get_by_role("heading", name="Delete Gina Outside")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Delete Gina Outside").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Gina Outside was deleted.")).to_be_visible()
    expect(page.get_by_text("gina@outside.example")).to_be_hidden()


def test_a_workgroup_is_made_on_the_master_and_led_on_a_slave(page: Page, paris: RealServer, tokyo: RealServer) -> None:
    log_in(page, paris, "admin")
    page.goto(f"{paris.address}workgroups/")
    check_page(page)
    page.get_by_role("link", name="New workgroup").click()
    check_page(page)
    page.get_by_label("Name").fill("Sound")
    page.get_by_label("Description").fill("Those who mix.")
    page.get_by_label("Who may send to it").select_option("members")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("textbox", name="Add people").fill("bob, alice, nobody")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("2 added to Sound.")).to_be_visible()
    expect(page.get_by_text("“nobody” is nobody's name here.")).to_be_visible()
    page.get_by_role("button", name="Make Bob an administrator of the workgroup").click()
    expect(page.get_by_text("Bob is an administrator of Sound.")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Change", exact=True).click()
    check_page(page)
    page.get_by_role("link", name="Delete the workgroup").click()
    expect(page.get_by_text("2 people are in it.")).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Cancel").click()
    paris.run("cluster", "sync", "tokyo")

    page.context.clear_cookies()
    log_in(page, tokyo, "bob")
    page.get_by_text("People", exact=True).click()
    page.get_by_role("link", name="Workgroups").click()
    page.get_by_role("link", name="Sound").click()
    page.get_by_role("textbox", name="Add people").fill("dora")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("1 added to Sound.")).to_be_visible()
    expect(page.get_by_role("cell", name="Dora", exact=True)).to_be_visible()
    check_page(page)
    found = paris.query("SELECT count(*) FROM accounts_membership")
    assert found[0][0] == 3


def test_what_users_may_do_is_chosen_one_below_the_other(page: Page, paris: RealServer) -> None:
    log_in(page, paris, "admin")
    page.goto(f"{paris.address}accounts/standard/")
    last = page.get_by_role("checkbox").last.bounding_box()
    quota = page.get_by_label("How much each may send").bounding_box()
    assert last is not None
    assert quota is not None
    assert last["y"] + last["height"] < quota["y"]
    check_page(page)


def test_a_name_without_end_breaks_its_line_and_not_the_page(page: Page, paris: RealServer) -> None:
    with paris.client() as client:
        client.log_in("admin", PASSWORD)
        client.new_account("wolf" * 15, "Wolfe" * 20, f"{'wolf' * 15}@example.com", PASSWORD, "paris")
    log_in(page, paris, "admin")
    page.goto(f"{paris.address}accounts/")
    expect(page.get_by_role("link", name="Wolfe" * 20)).to_be_visible()
    check_page(page)
    page.get_by_role("link", name="Wolfe" * 20).click()
    check_page(page)
    page.context.clear_cookies()
    log_in(page, paris, "wolf" * 15)
    check_page(page)


def test_the_header_has_room_at_every_width(page: Page, paris: RealServer) -> None:
    log_in(page, paris, "admin")
    for width in (1920, 1280, 1100, 1024, 992, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{paris.address}packages/sent")
        box = page.locator(".top").bounding_box()
        assert box is not None
        assert box["height"] < 75, f"the header has a second line at {width} px"
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{width} px"
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"header-{width}.png")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_text("People", exact=True).click()
    expect(page.get_by_role("link", name="Workgroups")).to_be_visible()
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "header-menu.png")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Workgroups")).to_be_hidden()
