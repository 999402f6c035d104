"""The pages in a real browser: everybody can use them, in the light and in the dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as configuration
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.web import units
from tests.chromium import CHROMIUM, SWITCHES
from tests.conftest import make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK, PHONE = (1280, 900), (390, 844)
Result = TypeVar("Result")
Visit = Callable[..., Any]


@pytest.fixture
def visit(live_server: LiveServer, settings: Settings) -> Visit:
    """Return `visit(act, user, size, scheme)`, which calls act(page, address) with a browser in which the user is in.

    The browser runs in a thread of its own: Playwright's event loop would keep this one from the database.
    """
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False  # the test server speaks plain HTTP

    def visit(
        act: Callable[[Page, str], Result],
        user: User | None = None,
        size: tuple[int, int] = DESK,
        scheme: str = "light",
    ) -> Result:
        cookies: list[Any] = []
        if user:
            client = Client()
            client.force_login(user)
            name = configuration.SESSION_COOKIE_NAME
            cookies = [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]

        def work() -> Result:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
                context = browser.new_context(
                    viewport={"width": size[0], "height": size[1]},
                    color_scheme=scheme,  # type: ignore[arg-type]
                )
                context.add_cookies(cookies)
                try:
                    return act(context.new_page(), live_server.url)
                finally:
                    browser.close()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(work).result()

    return visit


def faults(page: Page, url: str) -> list[str]:
    """Return what is wrong with a page: what axe finds, what the browser complains of, what sticks out sideways."""
    found: list[str] = []
    page.on("console", lambda message: found.append(f"{url}: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"{url}: {error}"))
    page.goto(url, wait_until="networkidle")
    return found + faults_here(page)


def faults_here(page: Page) -> list[str]:
    """Return what is wrong with a page as it is now: what axe finds, what sticks out sideways."""
    found = [f"{page.url}: axe {violation['id']}" for violation in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{page.url}: is wider than the screen")
    return found


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "dark"), (PHONE, "light")])
def test_every_page_is_accessible_and_within_its_policy(
    visit: Visit, admin: User, alice: User, tokyo: Server, size: tuple[int, int], scheme: str
) -> None:
    eve = make_user("eve", tokyo)
    eve.name = "Evelyn Very-Long-Name of the Department of Extraordinarily Lengthy Titles and Undividedcompoundwords"
    eve.save()
    inside = [
        reverse("accounts:list"),
        reverse("accounts:list") + "?q=nobody",
        reverse("accounts:new"),
        reverse("accounts:edit", args=[alice.pk]),
        reverse("accounts:me"),
        reverse("web:health_page"),
    ]

    def look(page: Page, address: str) -> list[str]:
        return [fault for path in inside for fault in faults(page, address + path)]

    assert visit(look, admin, size, scheme) == []
    assert visit(lambda page, address: faults(page, address + reverse("accounts:login")), None, size, scheme) == []


def test_the_dark_is_dark_without_a_script(visit: Visit, db: None) -> None:
    def background(page: Page, address: str) -> str:
        page.goto(address + reverse("accounts:login"))
        colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour

    assert visit(background, scheme="dark") != visit(background, scheme="light")


def test_icons_and_the_logo_are_drawn(visit: Visit, admin: User) -> None:
    def look(page: Page, address: str) -> tuple[float, int]:
        page.goto(address + reverse("accounts:list"), wait_until="networkidle")
        width = page.evaluate("document.querySelector('.page-actions use').getBBox().width")
        return width, page.evaluate("document.querySelector('.brand-mark').naturalWidth")

    icon, logo = visit(look, admin)
    assert icon > 10
    assert logo > 0


def test_menus_work_from_the_keyboard(visit: Visit, admin: User) -> None:
    def walk(page: Page, address: str) -> list[object]:
        page.goto(address + reverse("accounts:list"), wait_until="networkidle")
        menu = page.locator(".account-menu")
        menu.locator("summary").focus()
        page.keyboard.press("Enter")
        opened = menu.get_attribute("open") is not None
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement.textContent.trim()")
        page.keyboard.press("Escape")
        closed = menu.get_attribute("open") is None
        back = page.evaluate("document.activeElement.tagName")
        return [opened, inside, closed, back]

    assert visit(walk, admin) == [True, "My profile", True, "SUMMARY"]


def test_the_first_tab_leads_past_the_navigation(visit: Visit, admin: User) -> None:
    def walk(page: Page, address: str) -> str:
        page.goto(address + reverse("accounts:list"))
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        focused: str = page.evaluate("document.activeElement.id")
        return focused

    assert visit(walk, admin) == "content"


def test_on_a_phone_the_navigation_opens_from_its_button(visit: Visit, admin: User) -> None:
    def walk(page: Page, address: str) -> list[bool]:
        page.goto(address + reverse("accounts:me"), wait_until="networkidle")
        link = page.get_by_role("link", name="Received")
        before = link.is_visible()
        page.get_by_role("button", name="Menu").click()
        during = link.is_visible()
        page.keyboard.press("Escape")
        return [before, during, link.is_visible()]

    assert visit(walk, admin, PHONE) == [False, True, False]


def test_a_page_that_nobody_sees_asks_for_no_news(visit: Visit, alice: User) -> None:
    def watch(page: Page, address: str) -> list[int]:
        page.goto(address + reverse("accounts:me"), wait_until="networkidle")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.headers.get("posthouse-poll", "")))
        page.evaluate(
            """() => {
                const part = document.createElement("div");
                part.innerHTML = `<div hx-get="" hx-swap="none" hx-trigger="every 100ms"
                    hx-headers='{"Posthouse-Poll": "1"}'></div>`;
                document.body.append(part);
                htmx.process(part);
            }"""
        )
        page.wait_for_timeout(1500)
        seen = len(asked)
        page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
        page.wait_for_timeout(500)  # what was on its way has arrived
        asked.clear()
        page.wait_for_timeout(1500)
        hidden = len(asked)
        page.evaluate("delete document.hidden")
        page.wait_for_timeout(1500)
        return [min(seen, 1), hidden, min(len(asked), 1)]

    assert visit(watch, alice) == [1, 0, 1]


def test_the_browser_writes_sizes_as_the_server_does(visit: Visit, alice: User) -> None:
    counts = [0, 1, 999, 1000, 9_994, 9_996, 99_960, 999_499, 999_500, 123_456_789, 5 * 10**12]
    seconds = [0, 59, 61, 3600, 7530, 90_000]

    def ask(page: Page, address: str) -> list[list[str]]:
        page.goto(address + reverse("accounts:me"))
        written: list[list[str]] = page.evaluate(
            """async ([url, counts, seconds]) => {
                const format = await import(url);
                return [counts.map(format.bytes), seconds.map(format.duration), [format.rate(1500)]];
            }""",
            [f"{configuration.STATIC_URL}posthouse/format.js", counts, seconds],
        )
        return written

    assert visit(ask, alice) == [
        [units.size(count) for count in counts],
        [units.duration(length) for length in seconds],
        [units.rate(1500)],
    ]
