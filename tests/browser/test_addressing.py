"""Naming recipients in a real browser: private ones, CC, pasted lists, terms, and where the package will go."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.servers import RealServer
from tests.browser.conftest import address_to, check_page, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def choose(page: Page, field: str, typed: str, shown: str) -> None:
    """Choose somebody in one of the fields."""
    page.get_by_role("combobox", name=re.compile(f"^{field}")).press_sequentially(typed)
    expect(page.get_by_role("option", name=shown)).to_be_visible()
    page.keyboard.press("Enter")


def paste(page: Page, text: str) -> None:
    """Paste into the field To, as from a spreadsheet or a mail program."""
    page.get_by_role("combobox", name="To", exact=True).focus()
    page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
            document.getElementById("to").dispatchEvent(event);
        }""",
        text,
    )


def test_a_package_goes_with_private_recipients_copies_and_terms(page: Page, paris: RealServer, tmp_path: Path) -> None:
    file = tmp_path / "plan.txt"
    file.write_text("the plan")
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    address_to(page, "bob")
    expect(page.get_by_text("Goes to 1 person: 1 at tokyo.")).to_be_visible()
    page.get_by_text("Private recipients and CC").click()
    choose(page, "Private recipients", "dor", "Dora")
    expect(page.get_by_text("Goes to 2 people: 1 at paris (this server), 1 at tokyo.")).to_be_visible()
    choose(page, "CC on upload", "zoe@outside.example", "zoe@outside.example")
    page.get_by_text("Expiry, release and links").click()
    check_page(page)
    page.get_by_label("Days until it ends").fill("0")
    page.get_by_label("Title").fill("With terms")
    page.set_input_files("#files-input", file)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("A package is kept for at least one day", exact=False)).to_be_visible()
    page.get_by_label("Days until it ends").fill("9")
    page.get_by_label("When it was downloaded").select_option("all")
    later = datetime.now(UTC) + timedelta(days=2)
    page.get_by_label("Release later").fill(later.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="With terms", exact=True)).to_be_visible()
    expect(page.get_by_text("nobody can fetch it before")).to_be_visible()
    expect(page.get_by_text("after all recipients have downloaded all of it")).to_be_visible()
    expect(page.get_by_text("private", exact=False)).to_be_visible()
    expect(page.get_by_text("CC on upload", exact=True)).to_be_visible()
    expect(page.get_by_text("zoe@outside.example")).to_be_visible()
    expect(page.get_by_text("Complete", exact=True)).to_be_visible()  # the page is loaded anew when it is
    check_page(page)
    ((text,),) = paris.query("SELECT text FROM notices_outgoingmail WHERE about LIKE 'cc:upload:%'")
    assert "With terms" in text
    assert "Bob" in text
    assert "Dora" not in text


def test_a_list_is_pasted_and_what_is_wrong_in_it_is_named(page: Page, paris: RealServer) -> None:
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    paste(page, "bob; Dora <dora@example.com>, eve@outside.example\nnobody-here")
    expect(page.get_by_text("Nobody here is called “nobody-here”", exact=False)).to_be_visible()
    expect(page.get_by_text("Goes to 3 people", exact=False)).to_be_visible()
    expect(page.get_by_text("Nobody here is called “nobody-here”", exact=False)).to_be_visible()
    check_page(page)


def test_a_list_that_was_typed_is_taken_like_one_that_was_pasted(page: Page, paris: RealServer) -> None:
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    to = page.get_by_role("combobox", name="To", exact=True)
    to.fill("bob, dora@example.com")
    expect(page.get_by_text("Nobody of this name.", exact=False).first).to_be_visible()
    to.press("Enter")
    expect(page.locator("#to-tokens .token")).to_have_count(2)
    to.fill("eve@outside.example; nobody-here")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Nobody here is called “nobody-here”", exact=False)).to_be_visible()
    expect(page.get_by_text("Goes to 3 people", exact=False)).to_be_visible()
    expect(page.get_by_text("Nobody here is called “nobody-here”", exact=False)).to_be_visible()
    to.fill("n" * 300)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(f"“{'n' * 80}…” is not clear.", exact=False)).to_be_visible()
    check_page(page)


def test_ten_thousand_recipients_can_be_pasted_and_taken_back(page: Page, paris: RealServer) -> None:
    log_in(page, paris, "alice")
    page.goto(f"{paris.address}packages/new")
    paste(page, "\n".join(f"User {n} <u{n}@outside.example>" for n in range(10_000)))
    expect(page.get_by_text("and 9,900 more")).to_be_visible()
    expect(page.get_by_text("Goes to 10,000 people: 10,000 at paris (this server).")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Remove u5@outside.example").click()
    expect(page.get_by_text("and 9,899 more")).to_be_visible()
    page.get_by_role("button", name="Remove all").click()
    expect(page.locator("#to-tokens .token")).to_have_count(0)
    paste(page, "\n".join(f"u{n}@outside.example" for n in range(10_001)))
    expect(page.get_by_text("10,001 names were pasted", exact=False)).to_be_visible()
