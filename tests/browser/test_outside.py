"""People without an account, in a real browser against a real server: one fetches by a link, one sends when invited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import check_page, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def secret(server: RealServer, address: str) -> str:
    """Return what stands in the mail to somebody outside, as only its reader would see it."""
    ((found,),) = server.query(f"SELECT secret FROM notices_outgoingmail WHERE \"to\" = '{address}'")
    return str(found)


def test_somebody_outside_fetches_what_was_sent_to_the_address(
    page: Page, context: BrowserContext, paris: RealServer, tmp_path: Path
) -> None:
    file = tmp_path / "plan.txt"
    file.write_text("the plan")
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    to = page.get_by_role("combobox", name="To")
    to.fill("eve@outside.example")
    page.keyboard.press("Enter")
    page.get_by_label("Title").fill("For Eve")
    page.set_input_files("#files-input", file)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="For Eve", exact=True)).to_be_visible()
    expect(page.get_by_text("Not downloaded")).to_be_visible()
    check_page(page)

    context.clear_cookies()
    page.goto(f"{paris.address}link/{secret(paris, 'eve@outside.example')}")
    expect(page.get_by_role("heading", name="For Eve")).to_be_visible()
    assert "/visit/" in page.url
    check_page(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="plan.txt").click()
    assert Path(download.value.path()).read_text() == "the plan"
    page.goto(f"{paris.address}packages/received")
    expect(page.get_by_role("heading", name="Log in to paris")).to_be_visible()

    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/sent")
    page.get_by_role("link", name="For Eve").click()
    expect(page.get_by_text("Downloaded", exact=True)).to_be_visible()
    page.get_by_role("link", name="Recall").click()
    check_page(page)
    page.get_by_role("button", name="Recall").click()
    expect(page.get_by_text("Nobody can fetch it any more", exact=False).first).to_be_visible()


def test_somebody_outside_sends_when_invited(
    page: Page, context: BrowserContext, paris: RealServer, tmp_path: Path
) -> None:
    log_in(page, paris, "dora")
    page.get_by_text("People", exact=True).click()
    page.get_by_role("link", name="Invitations").click()
    check_page(page)
    page.get_by_role("link", name="Invite somebody").first.click()
    check_page(page)
    page.get_by_label("E-mail address").fill("frank@outside.example")
    page.get_by_label("Note").fill("The rushes, please.")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("0 sent, 1 left")).to_be_visible()
    check_page(page)

    file = tmp_path / "rushes.mov"
    file.write_bytes(b"frame" * 100_000)
    context.clear_cookies()
    page.goto(f"{paris.address}invitation/{secret(paris, 'frank@outside.example')}")
    expect(page.get_by_text("The rushes, please.")).to_be_visible()
    check_page(page)
    page.get_by_label("Title").fill("From Frank")
    page.set_input_files("#files-input", file)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Everything is there")).to_be_visible()
    check_page(page)

    log_in(page, paris, "dora")
    page.get_by_role("link", name="From Frank").click()
    expect(page.get_by_text(re.compile("frank@outside.example, invited by"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="rushes.mov").click()
    assert Path(download.value.path()).read_bytes() == file.read_bytes()
    page.get_by_role("link", name="Forward").click()
    check_page(page)


def test_what_was_never_given_is_not_good(page: Page, paris: RealServer) -> None:
    page.goto(f"{paris.address}link/{'x' * 43}")
    expect(page.get_by_role("heading", name="This link is not good")).to_be_visible()
    check_page(page)
