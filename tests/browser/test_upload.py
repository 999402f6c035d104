"""An upload outlives what happens to it: a pause, a dead server, a closed page (D12)."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, Request, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import address_to, check_page, log_in, throttle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MB = 1_000_000
SLOW = 6 * MB
FILES = {"film.mov": 40 * MB, "notes.txt": 20, "shots.csv": 2000}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A large file, and two small ones, which go up together."""
    for name, size in FILES.items():
        (tmp_path / name).write_bytes((name.encode() * (size // len(name) + 1))[:size])
    return [tmp_path / name for name in FILES]


def begin(page: Page, server: RealServer, files: list[Path], title: str) -> None:
    """Send the files to Dora over a slow line, and wait until something has gone."""
    log_in(page, server, "alice")
    page.goto(f"{server.address}packages/new")
    address_to(page, "dora")
    page.get_by_label("Title").fill(title)
    page.set_input_files("#files-input", files)
    throttle(page, SLOW)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#sending-percent")).to_have_text(re.compile(r"^([2-9]\d|1\d|[5-9]) %$"))


def percent(page: Page) -> int:
    return int(page.locator("#sending-percent").inner_text().removesuffix(" %"))


def arrives_whole(page: Page, title: str, files: list[Path]) -> None:
    """The page of the package comes up by itself, and what is in the store is what was sent."""
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=90_000)
    expect(page.locator("#package-live")).to_contain_text("Complete")
    for file in files:
        with page.expect_download() as download:
            page.get_by_role("link", name=file.name).click()
        assert Path(download.value.path()).read_bytes() == file.read_bytes()


def test_progress_is_shown_and_a_pause_is_a_pause(page: Page, paris: RealServer, files: list[Path]):
    begin(page, paris, files, "Paused")
    expect(page.locator("#sending-rate")).to_have_text(re.compile(r"MB/s$"))
    expect(page.locator("#sending-left")).to_have_text(re.compile(r" s left$"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    page.wait_for_timeout(500)
    stood = percent(page)
    check_page(page)
    assert percent(page) == stood
    page.get_by_role("button", name="Resume").click()
    arrives_whole(page, "Paused", files)


def test_the_server_may_die_during_the_upload(page: Page, paris: RealServer, files: list[Path]):
    begin(page, paris, files, "Killed")
    paris.kill()
    expect(page.locator("#sending-wait-text")).to_have_text(
        re.compile(r"^The server does not answer\. Trying again in \d+ s; nothing is lost\.$")
    )
    check_page(page)
    paris.start()
    with suppress(Error):  # it may have gone on by itself while the server started
        page.get_by_role("button", name="Try now").click(timeout=2_000)
    arrives_whole(page, "Killed", files)


def test_a_closed_page_loses_nothing_choose_the_files_again(page: Page, paris: RealServer, files: list[Path]):
    begin(page, paris, files, "Closed")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == ["beforeunload"]
    page.goto(f"{paris.address}packages/sent")
    page.get_by_role("row", name="Closed").get_by_role("link", name="Closed").click()
    expect(page.get_by_role("heading", name="choose the same files again to go on")).to_be_visible()
    check_page(page)
    page.set_input_files("#files-input", files[1])
    expect(page.locator("#resume-error")).to_contain_text("“film.mov”")
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    page.set_input_files("#files-input", files[0])
    arrives_whole(page, "Closed", files)
    assert offsets
    assert min(offsets) > 0, "it went on where it was"


def test_a_package_that_nobody_will_finish_can_be_discarded(page: Page, paris: RealServer, files: list[Path]):
    begin(page, paris, files, "Unwanted")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{paris.address}packages/sent")
    page.get_by_role("link", name="Unwanted").click()
    page.get_by_role("button", name="Discard this package").click()
    expect(page.get_by_text("was discarded. Nobody received anything of it.")).to_be_visible()
    expect(page.get_by_role("row", name="Unwanted")).to_contain_text("Error")
