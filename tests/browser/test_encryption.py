"""Encrypted packages in a real browser: what leaves it, and what comes to rest on the servers, cannot be read."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import SIZES, address_to, check_page, log_in, throttle
from tests.browser.memory import watched
from tests.browser.test_outside import secret
from tests.chromium import CHROMIUM, SWITCHES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PASSPHRASE = "seven quiet lighthouses"
MARK = b"NOBODY ON THE WAY SHALL READ THIS LINE\n"
MB = 1_000_000
TRUST = "--ignore-certificate-errors"
WATCHED = f"--watched={uuid4()}"  # no switch that it knows: by this its processes are found


@pytest.fixture(scope="module")
def trusting(browser: Browser) -> Iterator[Browser]:
    """A browser that takes the test servers' certificates for good ones, as it would those of a real server.

    Without that it lets no service worker be, whatever the person in front of it has clicked away.
    """
    chromium = browser.browser_type.launch(executable_path=CHROMIUM, args=[*SWITCHES, TRUST, WATCHED])
    yield chromium
    chromium.close()


@pytest.fixture
def own(trusting: Browser) -> Iterator[BrowserContext]:
    """A person's browser that knows the servers."""
    context = trusting.new_context(viewport=SIZES["desk"])
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a large file, an empty one, a small one, and one of exactly one record."""
    made = tmp_path / "shoot"
    (made / "day 1").mkdir(parents=True)
    (made / "day 1" / "film.mov").write_bytes(MARK * (5 * MB // len(MARK)))
    (made / "empty.txt").touch()
    (made / "notes.txt").write_bytes(MARK)
    (made / "plan.txt").write_bytes((MARK * 30_000)[: 1024 * 1024])
    return made


def compose(page: Page, server: RealServer, title: str, *logins: str, passphrase: str = PASSPHRASE) -> None:
    """Fill in New Package, with the wish to encrypt."""
    page.goto(f"{server.address}packages/new")
    address_to(page, *logins)
    page.get_by_label("Title").fill(title)
    page.get_by_label("Encrypt the files with a passphrase").check()
    expect(page.get_by_label("Passphrase", exact=True)).to_be_focused()
    page.get_by_label("Passphrase", exact=True).fill(passphrase)


def send(page: Page, title: str) -> None:
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Encrypted")).to_be_visible()


def unlock(page: Page, passphrase: str = PASSPHRASE) -> None:
    page.get_by_label("Passphrase").fill(passphrase)
    page.get_by_role("button", name="Unlock").click()


def saved(page: Page, name: str) -> bytes:
    """Click on a link and return what the browser saves."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    path = Path(download.value.path())
    assert download.value.suggested_filename == (f"{page.locator('h1').inner_text()}.zip" if "zip" in name else name)
    return path.read_bytes()


def readable(server: RealServer) -> list[Path]:
    """Return the files of a server, its database and logs too, in which the plain text can be found."""
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    return [path for path in files if MARK.strip() in path.read_bytes()]


def test_from_one_browser_to_another_by_way_of_two_servers(
    own: BrowserContext, trusting: Browser, paris: RealServer, tokyo: RealServer, folder: Path
) -> None:
    page = own.new_page()
    sent: list[bytes] = []
    ways: set[str] = set()
    page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
    page.on("request", lambda request: ways.add(request.url.rpartition("/transfers/")[2]))
    log_in(page, paris, "alice")
    compose(page, paris, "Sealed", "bob", passphrase="too short")
    page.set_input_files("#folder-input", folder)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The passphrase has 9 characters.")).to_be_visible()
    check_page(page)
    page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    send(page, "Sealed")
    assert sum(map(len, sent)) > 0
    assert "bundles" in ways, "small files go together"
    assert not any(MARK in body or PASSPHRASE.encode() in body for body in sent)
    expect(page.locator("#package-live")).to_contain_text("Complete", timeout=60_000)
    check_page(page)

    theirs = trusting.new_context(viewport=SIZES["desk"])
    page = theirs.new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/downloads/" in request.url else None)
    log_in(page, tokyo, "bob")
    expect(page.get_by_role("link", name="Sealed")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Sealed").click()
    expect(page.get_by_role("button", name="Unlock")).to_be_enabled()
    page.get_by_role("link", name="film.mov").click()
    expect(page.get_by_text("Type the passphrase first")).to_be_visible()
    unlock(page, "seven quiet lighthouse")
    expect(page.get_by_text("This is not the passphrase of the package.")).to_be_visible()
    assert fetched == [], "a wrong passphrase is told before a byte is fetched"
    check_page(page)
    with page.expect_download() as download:
        unlock(page)  # what was clicked before is fetched now
    assert Path(download.value.path()).read_bytes() == (folder / "day 1" / "film.mov").read_bytes()
    assert theirs.service_workers, "it came through the service worker"
    assert saved(page, "empty.txt") == b""
    assert saved(page, "plan.txt") == (folder / "plan.txt").read_bytes()
    expect(page.locator("#decrypt-files .file-state").first).to_have_text("Saved")
    check_page(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as zip").click()
    assert download.value.suggested_filename == "Sealed.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        names = {f"shoot/{path.relative_to(folder)}": path for path in folder.rglob("*") if path.is_file()}
        assert set(archive.namelist()) == set(names)
        for name, path in names.items():
            assert archive.read(name) == path.read_bytes()
    theirs.close()
    assert readable(paris) == []
    assert readable(tokyo) == []


def test_where_no_service_worker_may_be_it_is_saved_in_another_way(page: Page, paris: RealServer, folder: Path) -> None:
    log_in(page, paris, "alice")
    compose(page, paris, "Stored first", "dora")
    page.set_input_files("#folder-input", folder)
    send(page, "Stored first")
    unlock(page)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    assert saved(page, "film.mov") == (folder / "day 1" / "film.mov").read_bytes()
    assert page.context.service_workers == []


def test_a_suggested_passphrase_is_a_good_one(page: Page, paris: RealServer, folder: Path) -> None:
    log_in(page, paris, "alice")
    compose(page, paris, "Suggested", "dora", passphrase="")
    page.get_by_role("button", name="Suggest one").click()
    suggested = page.get_by_label("Passphrase", exact=True).input_value()
    assert re.fullmatch(r"([a-z2-9]{4}-){4}[a-z2-9]{4}", suggested)
    page.set_input_files("#files-input", folder / "empty.txt")
    send(page, "Suggested")
    unlock(page, suggested)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    assert saved(page, "empty.txt") == b""


def test_an_upload_that_was_interrupted_goes_on_and_another_file_is_noticed(
    page: Page, paris: RealServer, tmp_path: Path
) -> None:
    file = tmp_path / "film.mov"
    file.write_bytes(MARK * (60 * MB // len(MARK)))
    log_in(page, paris, "alice")
    compose(page, paris, "Interrupted", "dora")
    page.set_input_files("#files-input", file)
    throttle(page, 12 * MB)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#sending-percent")).to_have_text(re.compile(r"^([3-9]\d) %$"), timeout=60_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{paris.address}packages/sent")
    page.get_by_role("link", name="Interrupted").click()
    expect(page.get_by_role("heading", name="choose the same files again to go on")).to_be_visible()
    check_page(page)

    page.get_by_label("Passphrase").fill("another passphrase")
    page.set_input_files("#files-input", file)
    expect(page.locator("#resume-error")).to_contain_text("This is not the passphrase of the package.")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    other = tmp_path / "other" / "film.mov"
    other.parent.mkdir()
    other.write_bytes(b"x" + file.read_bytes()[1:])
    page.set_input_files("#files-input", other)
    expect(page.locator("#resume-error")).to_contain_text("“film.mov” changed since the package was begun.")

    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    page.set_input_files("#files-input", file)
    expect(page.get_by_role("heading", name="Interrupted", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Encrypted")).to_be_visible(timeout=60_000)
    assert min(offsets) > 0, "it went on where it was"
    throttle(page, -1)
    unlock(page)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    assert saved(page, "film.mov") == file.read_bytes()


def test_a_flipped_byte_is_noticed(own: BrowserContext, paris: RealServer, folder: Path) -> None:
    page = own.new_page()
    log_in(page, paris, "alice")
    compose(page, paris, "Flipped", "dora")
    page.set_input_files("#files-input", folder / "plan.txt")
    send(page, "Flipped")
    store = paris.folder / "data" / "store"
    newest = max((path for path in store.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime)
    with newest.open("r+b") as blob:
        blob.seek(5000)
        byte = blob.read(1)
        blob.seek(5000)
        blob.write(bytes([byte[0] ^ 1]))
    unlock(page)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    page.get_by_role("link", name="plan.txt").click()
    expect(page.locator("#decrypt-error")).to_contain_text("“plan.txt” is damaged")
    expect(page.locator("#decrypt-files .file-state").first).to_have_text("Failed")
    check_page(page)


def test_a_large_file_goes_up_and_comes_down_without_lying_in_memory(
    own: BrowserContext, paris: RealServer, tmp_path: Path
) -> None:
    film = tmp_path / "film.mov"
    with film.open("wb") as file:
        file.truncate(800 * MB)
    page = own.new_page()
    log_in(page, paris, "alice")
    compose(page, paris, "Large", "dora")
    page.set_input_files("#files-input", film)
    with watched(WATCHED) as up:
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("heading", name="Large", exact=True)).to_be_visible(timeout=120_000)
    unlock(page)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    with watched(WATCHED) as down:
        with page.expect_download(timeout=120_000) as download:
            page.get_by_role("link", name="film.mov").click()
        assert Path(download.value.path()).stat().st_size == film.stat().st_size
    print(f"up {up.growth / MB:.0f} MB, down {down.growth / MB:.0f} MB more")
    # A browser collects its garbage late; what it must not do is to hold the file.
    assert up.growth < film.stat().st_size * 3 / 4
    assert down.growth < film.stat().st_size * 3 / 4


def test_people_outside_fetch_and_send_encrypted_where_it_is_always_so(
    own: BrowserContext, paris: RealServer, folder: Path
) -> None:
    admin = own.new_page()
    log_in(admin, paris, "admin")
    admin.goto(f"{paris.address}server/configuration/security")
    check_page(admin)
    admin.get_by_label("Packages are encrypted").select_option("always")
    admin.get_by_role("button", name="Save encryption").click()
    expect(admin.get_by_text("Encryption at rest was set.")).to_be_visible()
    try:
        _send_and_fetch_outside(own, paris, folder)
    finally:
        admin = own.new_page()
        own.clear_cookies()
        log_in(admin, paris, "admin")
        admin.goto(f"{paris.address}server/configuration/security")
        admin.get_by_label("Packages are encrypted").select_option("choice")
        admin.get_by_role("button", name="Save encryption").click()
        expect(admin.get_by_text("Encryption at rest was set.")).to_be_visible()


def _send_and_fetch_outside(own: BrowserContext, paris: RealServer, folder: Path) -> None:
    own.clear_cookies()
    page = own.new_page()
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    page.get_by_role("combobox", name="To").fill("gina@outside.example")
    page.keyboard.press("Enter")
    page.get_by_label("Title").fill("For Gina")
    page.set_input_files("#files-input", folder / "plan.txt")
    expect(page.get_by_label("Encrypt the files with a passphrase")).to_have_count(0)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Type a passphrase, or take one that is suggested.")).to_be_visible()
    check_page(page)
    page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    send(page, "For Gina")
    page.goto(f"{paris.address}invitations/new")
    page.get_by_label("E-mail address").fill("hugo@outside.example")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_text("gets the invitation by e-mail")).to_be_visible()

    own.clear_cookies()
    page.goto(f"{paris.address}link/{secret(paris, 'gina@outside.example')}")
    check_page(page)
    unlock(page)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    assert saved(page, "plan.txt") == (folder / "plan.txt").read_bytes()

    own.clear_cookies()
    page.goto(f"{paris.address}invitation/{secret(paris, 'hugo@outside.example')}")
    page.get_by_label("Title").fill("From Hugo")
    page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
    page.set_input_files("#files-input", folder / "plan.txt")
    check_page(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Everything is there")).to_be_visible(timeout=60_000)

    own.clear_cookies()
    log_in(page, paris, "alice")
    page.get_by_role("link", name="From Hugo").click()
    unlock(page)
    expect(page.get_by_text("Unlocked")).to_be_visible()
    assert saved(page, "plan.txt") == (folder / "plan.txt").read_bytes()
