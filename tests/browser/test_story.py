"""Alice at paris sends to Bob at tokyo, each in a browser of his own (R6, R57, R59-R62, D13)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import address_to, check_page, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

FILES = {
    "reels/take 1.mov": bytes(range(256)) * 12_000,
    "📦 reçu.txt": "Ünïcode".encode(),
    "empty.bin": b"",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Alice's files, one of them in a folder."""
    for name, data in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "files"


def test_a_package_goes_from_alice_to_bob(
    page: Page, paris: RealServer, tokyo: RealServer, files: Path, tmp_path: Path
):
    tokyo.stop()  # so that the status says Relaying for as long as we look
    log_in(page, paris, "alice")
    page.get_by_role("link", name="New Package").first.click()
    address_to(page, "bob")
    expect(page.get_by_role("list", name="Recipients")).to_contain_text("tokyo")
    page.get_by_label("Title").fill("Rushes of day 12 <b>")
    page.get_by_label("Note").fill("Two\nlines & <script>alert(1)</script>")
    page.set_input_files("#folder-input", files / "reels")
    page.set_input_files("#files-input", [files / "📦 reçu.txt", files / "empty.bin"])
    expect(page.locator("#chosen-total")).to_have_text("3 files, 3.07 MB")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("heading", name="Rushes of day 12 <b>")).to_be_visible()
    expect(page.locator("#package-live")).to_contain_text("Relaying")
    page.get_by_role("link", name="Sent").click()
    status = page.get_by_role("row", name="Rushes of day 12").get_by_role("link", name="Relaying")
    expect(status).to_be_visible()
    status.click()
    expect(page.locator("main")).to_contain_text("tokyo")
    page.go_back()

    tokyo.start()
    live = page.get_by_role("row", name="Rushes of day 12").get_by_role("link", name="Complete")
    expect(live).to_be_visible(timeout=120_000)  # by itself: nobody loaded the page anew

    _bob_fetches_it(page, tokyo, tmp_path)


def _bob_fetches_it(page: Page, tokyo: RealServer, tmp_path: Path) -> None:
    page.context.clear_cookies()
    log_in(page, tokyo, "bob")
    row = page.get_by_role("row", name="Rushes of day 12")
    expect(row).to_contain_text("New")
    row.get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    with page.expect_download() as single:
        page.get_by_role("link", name="take 1.mov").click()
    assert single.value.suggested_filename == "take 1.mov"
    assert Path(single.value.path()).read_bytes() == FILES["reels/take 1.mov"]
    with page.expect_download() as whole:
        page.get_by_role("link", name="Download all as zip").click()
    whole.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    page.reload()
    expect(page.get_by_role("row", name="All, as zip")).to_be_visible()
    page.get_by_role("link", name="Received").click()
    expect(page.get_by_role("row", name="Rushes of day 12")).not_to_contain_text("New")


def test_every_page_is_without_barriers_at_every_size_in_light_and_dark(page: Page, paris: RealServer, files: Path):
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    check_page(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Give the package a title.")).to_be_visible()
    expect(page.get_by_text("Choose at least one file.")).to_be_visible()
    address_to(page, "dora", "admin")
    page.get_by_role("combobox", name="To").press_sequentially("b")
    page.set_input_files("#files-input", [files / "📦 reçu.txt", files / "empty.bin"])
    check_page(page)
    page.get_by_role("combobox", name="To").fill("")
    page.get_by_label("Title").fill("W" * 200)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#package-live")).to_contain_text("Complete")
    check_page(page)
    for name in ("sent", "received"):
        page.goto(f"{paris.address}packages/{name}")
        check_page(page)
    page.context.clear_cookies()
    log_in(page, paris, "admin")
    page.goto(f"{paris.address}packages/all")
    check_page(page)


def test_recipients_are_chosen_and_removed_with_the_keyboard_alone(page: Page, paris: RealServer):
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    to = page.get_by_role("combobox", name="To")
    expect(to).to_be_focused()
    page.keyboard.type("bo")
    expect(to).to_have_attribute("aria-expanded", "true")
    expect(to).to_have_attribute("aria-activedescendant", "to-option-0")
    page.keyboard.press("Escape")
    expect(to).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="Bob")).to_be_visible()
    page.keyboard.press("Tab")
    tokens = page.get_by_role("list", name="Recipients").get_by_role("listitem")
    expect(tokens).to_have_count(1)
    page.keyboard.type("bo")
    expect(page.get_by_text("Already chosen.").last).to_be_visible()
    to.fill("")
    page.keyboard.press("Backspace")
    expect(tokens).to_have_count(0)
    page.keyboard.type("nobody at all")
    expect(page.get_by_role("option", name="Nobody of this name")).to_be_visible()


def test_twenty_thousand_files_do_not_freeze_the_page(page: Page, paris: RealServer):
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    milliseconds = page.evaluate(
        """async () => {
          const transfer = new DataTransfer();
          for (let at = 0; at < 20000; at += 1) transfer.items.add(new File(["x"], `take ${at}.txt`));
          const input = document.getElementById("files-input");
          input.files = transfer.files;
          const start = performance.now();
          input.dispatchEvent(new Event("change"));
          await new Promise(requestAnimationFrame);
          return performance.now() - start;
        }"""
    )
    assert milliseconds < 3000
    total = page.locator("#chosen-total")
    expect(total).to_have_text("20,000 files, 20.0 kB")
    rows = page.locator("#chosen li")
    assert rows.count() < 100
    page.locator("#chosen").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(page.get_by_text("take 19999.txt")).to_be_visible()
    page.get_by_role("button", name="Remove take 19999.txt").click()
    expect(total).to_have_text("19,999 files, 20.0 kB")
