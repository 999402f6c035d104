"""Bob logs in at the wrong server, goes on at his own, and changes his password there (M1, D3, D5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.servers import PASSWORD, RealServer, make_people, running
from tests.browser.conftest import check_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NEW = "quite another secret"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServer, RealServer]]:
    """Paris, the master, and tokyo under another host name: for browsers they are two sites."""
    folder = tmp_path_factory.mktemp("handover")
    paris, tokyo = RealServer("paris", folder / "paris"), RealServer("tokyo", folder / "tokyo")
    with running(paris, tokyo):
        paris.create_admin("admin", PASSWORD)
        tokyo.create_admin("keeper", PASSWORD)
        fingerprint = paris.run("cluster", "fingerprint").stdout.strip()
        tokyo.run("cluster", "convert", f"127.0.0.1:{paris.port}", "--fingerprint", fingerprint)
        theirs = tokyo.run("cluster", "fingerprint").stdout.strip()
        paris.run("cluster", "add", "tokyo", "localhost", "--port", str(tokyo.port), "--fingerprint", theirs)
        make_people(paris, {"bob": "tokyo"})
        paris.run("cluster", "sync", "tokyo")
        yield paris, tokyo


def type_password(page: Page, server: RealServer, password: str) -> None:
    page.goto(f"{server.address}packages/sent")
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def change_password(page: Page, present: str, new: str) -> None:
    page.get_by_label("Present password").fill(present)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(new)
    page.get_by_role("button", name="Change password").click()


def test_a_letter_lets_nobody_in_from_another_site(
    page: Page, pair: tuple[RealServer, RealServer], tmp_path: Path
) -> None:
    """The answer to login CSRF: browsers say where a form stood, and that is no page of the cluster."""
    paris, _ = pair
    type_password(page, paris, PASSWORD)
    form = page.locator("form:has([name=letter])")  # not the log-in's, which is there until the answer comes
    letter, action = form.locator("[name=letter]").input_value(), form.get_attribute("action")
    trap = tmp_path / "trap.html"
    trap.write_text(
        f'<form method="post" action="{action}"><input name="letter" value="{letter}"><button>Win</button></form>'
    )
    page.goto(trap.as_uri())
    page.get_by_role("button", name="Win").click()
    expect(page.get_by_role("heading", name="Please log in here")).to_be_visible()
    expect(page.locator("main")).to_contain_text("You did not come from a page of paris")
    check_page(page)


def test_bob_goes_on_at_his_home_server_and_changes_his_password(
    page: Page, pair: tuple[RealServer, RealServer]
) -> None:
    paris, tokyo = pair
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)

    type_password(page, paris, PASSWORD)
    expect(page.get_by_role("heading", name="Your home server is tokyo")).to_be_visible()
    check_page(page)
    page.get_by_role("button", name="Go on at tokyo").click()
    expect(page.get_by_role("heading", name="Sent")).to_be_visible()  # what he had asked for, at tokyo
    assert urlsplit(page.url).netloc == f"localhost:{tokyo.port}"
    assert "letter" not in page.url

    page.goto(f"https://localhost:{tokyo.port}{urlsplit(tokyo.address).path}profile/")
    check_page(page)
    change_password(page, PASSWORD, NEW)
    expect(page.get_by_text("Your password was changed.")).to_be_visible()

    # At the master the new one holds at once, and tokyo, which has it too, lets him in by it.
    type_password(page, paris, NEW)
    page.get_by_role("button", name="Go on at tokyo").click()
    expect(page.get_by_role("heading", name="Sent")).to_be_visible()

    paris.stop()
    page.goto(f"https://localhost:{tokyo.port}{urlsplit(tokyo.address).path}profile/")
    change_password(page, NEW, PASSWORD)
    expect(page.get_by_text("Your password was not changed: the master, paris,")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("Robert")
    page.get_by_role("button", name="Change name").click()
    expect(page.get_by_text("Your name was not changed: the master, paris,")).to_be_visible()
    assert refused == []
