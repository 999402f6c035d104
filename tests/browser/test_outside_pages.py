"""The pages for people without an account, on a phone and at a desk: each sentence of what they promise."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.servers import PASSWORD, RealServer
from tests.browser.conftest import SIZES, check_page, log_in
from tests.browser.test_outside import secret

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LINK_PASSWORD = "tell it by telephone"


@pytest.fixture
def send(paris: RealServer, tmp_path: Path):
    """Send three files of Alice's to an address outside, from the command line's own client."""

    def send(address: str, **link: object) -> str:
        files = {}
        for name, size in {"day 1/film.mov": 3_000_000, "day 1/still.jpg": 50_000, "plan.txt": 100}.items():
            path = tmp_path / name.replace("/", "-")
            path.write_bytes((name.encode() * (size // len(name) + 1))[:size])
            files[name] = path
        with paris.client() as alice:
            alice.log_in("alice", PASSWORD)
            alice.get("packages/new")
            value = {
                "title": "Rushes of May",
                "note": "Please look at the second take.\nIt is the one.",
                "recipients": [address],
                "files": [{"path": name, "size": path.stat().st_size} for name, path in files.items()],
                "link": link,
            }
            draft = alice._draft(alice.post_json("packages/new", value), 201)
            alice.upload(draft, files)
        return secret(paris, address)

    return send


@pytest.fixture
def phone(context: BrowserContext) -> Page:
    """A window of a phone's width."""
    page = context.new_page()
    page.set_viewport_size(SIZES["phone"])
    return page


def test_a_link_with_a_password_on_a_phone(phone: Page, paris: RealServer, send) -> None:
    address = f"{paris.address}link/{send('ida@outside.example', password=LINK_PASSWORD, days=3)}"
    phone.goto(address)
    expect(phone.get_by_role("heading", name="A package for you")).to_be_visible()
    expect(phone.get_by_label("Password")).to_be_focused()
    check_page(phone)
    phone.get_by_label("Password").fill("a guess of mine")
    phone.keyboard.press("Enter")
    expect(phone.get_by_text("This is not the password.")).to_be_visible()
    check_page(phone)
    phone.get_by_label("Password").fill(LINK_PASSWORD)
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("heading", name="Rushes of May")).to_be_visible()
    assert "/visit/" in phone.url
    expect(phone.get_by_text("Link ends")).to_be_visible()
    check_page(phone)
    phone.set_viewport_size(SIZES["phone"])

    expect(phone.get_by_role("button", name="Download chosen as zip")).to_be_disabled()
    phone.get_by_role("checkbox", name="Choose day 1/still.jpg").check()
    phone.get_by_role("checkbox", name="Choose plan.txt").check()
    expect(phone.get_by_text("2 files, 50.1 kB")).to_be_visible()
    check_page(phone)
    with phone.expect_download() as download:
        phone.get_by_role("button", name="Download chosen as zip").click()
    assert download.value.suggested_filename == "Rushes of May.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert set(archive.namelist()) == {"day 1/still.jpg", "plan.txt"}
        assert archive.testzip() is None
    phone.get_by_role("checkbox", name="All on this page").check()
    expect(phone.locator("#chosen-count")).to_have_text("3 files, 3.05 MB")
    with phone.expect_download() as download:
        phone.get_by_role("link", name="film.mov").click()
    assert Path(download.value.path()).stat().st_size == 3_000_000


def test_a_download_by_a_link_goes_on_where_it_was(page: Page, paris: RealServer, send) -> None:
    page.goto(f"{paris.address}link/{send('jan@outside.example')}")
    address = page.get_by_role("link", name="film.mov").get_attribute("href")
    whole = page.request.get(f"{paris.address}".replace("/aspera/faspex/", "") + str(address))
    rest = page.request.get(whole.url, headers={"Range": "bytes=1000000-", "If-Range": whole.headers["etag"]})
    assert (rest.status, rest.body()) == (206, whole.body()[1_000_000:])
    everything = whole.url.rsplit("/", 1)[0] + "/all.zip"
    archive = page.request.get(everything)
    rest = page.request.get(everything, headers={"Range": "bytes=2000-", "If-Range": archive.headers["etag"]})
    assert (rest.status, rest.body()) == (206, archive.body()[2000:])


def test_a_link_that_ends_after_everything_was_downloaded_says_so_and_ends(page: Page, paris: RealServer, send) -> None:
    address = f"{paris.address}link/{send('kim@outside.example', once=True)}"
    page.goto(address)
    expect(page.get_by_text("a day after everything was downloaded")).to_be_visible()
    check_page(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as zip").click()
    assert download.value.path()
    expect(page.get_by_role("heading", name="Rushes of May")).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("heading", name="Rushes of May")).to_be_visible()  # it may be fetched again for a day
    day = "interval '2 days'" if paris.database_url else "'-2 days'"
    earlier = f"fetched_at - {day}" if paris.database_url else f"datetime(fetched_at, {day})"
    paris.execute(f"UPDATE packages_delivery SET fetched_at = {earlier} WHERE email = 'kim@outside.example'")
    page.reload()
    expect(page.get_by_role("heading", name="This link is not good")).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("heading", name="This link is not good")).to_be_visible()
    check_page(page)


def test_an_invitation_on_a_phone_until_it_is_used_up(phone: Page, paris: RealServer, tmp_path: Path) -> None:
    file = tmp_path / "rushes.mov"
    file.write_bytes(b"r" * 700_000)
    log_in(phone, paris, "alice")
    phone.goto(f"{paris.address}invitations/new")
    phone.get_by_label("E-mail address").fill("lou@outside.example")
    phone.get_by_label("Note").fill("The rushes of Monday, please.")
    check_page(phone)
    phone.set_viewport_size(SIZES["phone"])
    phone.get_by_role("button", name="Invite").click()
    expect(phone.get_by_text("gets the invitation by e-mail")).to_be_visible()
    check_page(phone)
    phone.set_viewport_size(SIZES["phone"])
    phone.context.clear_cookies()

    address = f"{paris.address}invitation/{secret(paris, 'lou@outside.example')}"
    phone.goto(address)
    expect(phone.get_by_role("heading", name="Send files to Alice")).to_be_visible()
    expect(phone.get_by_text("The rushes of Monday, please.")).to_be_visible()
    expect(phone.get_by_text(re.compile(r"Good for 1 package until \d+ \w+ 20\d\d"))).to_be_visible()
    check_page(phone)
    phone.set_viewport_size(SIZES["phone"])
    phone.get_by_label("Title").fill("Monday")
    phone.set_input_files("#files-input", file)
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_text("Everything is there")).to_be_visible()
    check_page(phone)
    phone.goto(address)
    expect(phone.get_by_role("heading", name="This link is not good")).to_be_visible()
    phone.go_back()
    phone.goto(phone.url.split("/sent/")[0] + "/send")
    expect(phone.get_by_text("You have sent as much as the invitation allows.")).to_be_visible()
    check_page(phone)


def test_an_upload_that_another_browser_has_begun_is_discarded_and_sent_anew(phone: Page, paris: RealServer) -> None:
    log_in(phone, paris, "alice")
    phone.goto(f"{paris.address}invitations/new")
    phone.get_by_label("E-mail address").fill("mia@outside.example")
    phone.get_by_role("button", name="Invite").click()
    expect(phone.get_by_text("gets the invitation by e-mail")).to_be_visible()
    phone.context.clear_cookies()
    place = f"invitation/{secret(paris, 'mia@outside.example')}"
    with paris.client() as other:
        page = other.get(place)
        call = {"title": "Merger", "note": "", "files": [{"path": "a.mov", "size": 10}], "key": "k"}
        assert other.post_json(page.url, call).status == 201

    phone.goto(f"{paris.address}{place}")
    expect(phone.get_by_text("In another browser")).to_be_visible()
    expect(phone.get_by_text("Merger")).to_have_count(0)
    check_page(phone)
    phone.set_viewport_size(SIZES["phone"])
    phone.get_by_role("button", name="Discard it and send anew").click()
    expect(phone.get_by_text("The upload was discarded.")).to_be_visible()
    expect(phone.get_by_text("Good for 1 package")).to_be_visible()
    check_page(phone)
