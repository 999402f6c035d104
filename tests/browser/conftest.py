"""A real browser, and two real servers: paris, the master, where Alice lives, and tokyo, where Bob does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.acceptance.servers import PASSWORD, RealServer, join, make_people, running
from tests.chromium import CHROMIUM, SWITCHES

SHOTS = os.environ.get("SHOTS")
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServer, RealServer]]:
    """Paris with Alice, Dora and an administrator; tokyo with Bob."""
    folder = tmp_path_factory.mktemp("browser")
    paris, tokyo = RealServer("paris", folder / "paris"), RealServer("tokyo", folder / "tokyo")
    with running(paris, tokyo):
        paris.create_admin("admin", PASSWORD)
        tokyo.create_admin("tokyo-keeper", PASSWORD)
        join(paris, tokyo)
        make_people(paris, {"alice": "paris", "dora": "paris", "bob": "tokyo"})
        paris.run("cluster", "sync", "tokyo")
        yield paris, tokyo


@pytest.fixture(scope="session")
def paris(cluster: tuple[RealServer, RealServer]) -> RealServer:
    """The master."""
    return cluster[0]


@pytest.fixture(scope="session")
def tokyo(cluster: tuple[RealServer, RealServer]) -> RealServer:
    """Its slave."""
    return cluster[1]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A person's browser with no cookies. What its console complains about fails the test."""
    with_nothing = browser.new_context(ignore_https_errors=True, viewport=SIZES["desk"])
    complaints: list[str] = []
    with_nothing.on("weberror", lambda error: complaints.append(str(error.error)))
    yield with_nothing
    with_nothing.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A window of it."""
    return context.new_page()


def log_in(page: Page, server: RealServer, login: str) -> None:
    """Log in as people do."""
    page.goto(server.address)
    page.get_by_label("User name").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Received")).to_be_visible()


def address_to(page: Page, *logins: str) -> None:
    """Choose recipients by the first letters of their names."""
    for login in logins:
        page.get_by_role("combobox", name="To").press_sequentially(login[:2])
        expect(page.get_by_role("option", name=login.title())).to_be_visible()
        page.keyboard.press("Enter")


def throttle(page: Page, up: int) -> None:
    """Let `up` bytes through per second; -1 for as many as there are."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": up}
    session.send("Network.emulateNetworkConditions", line)


def check_page(page: Page) -> None:
    """Find barriers (axe) in light and dark, at a desk's width and a phone's, and anything wider than the screen.

    With SHOTS=folder in the environment a picture of each is kept there, for somebody to look at.
    """
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, size in SIZES.items():
            page.set_viewport_size(size)
            page.wait_for_timeout(250)
            found = Axe().run(page)
            assert found.violations_count == 0, f"{page.url} {scheme} {name}: {found.generate_report()}"
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{page.url} {name}: {wide} px wider than the screen"
            if SHOTS:
                place = page.url.split("/", 3)[3].split("?")[0].replace("/", "-").strip("-") or "front"
                page.screenshot(path=Path(SHOTS) / f"{place}-{name}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(SIZES["desk"])
