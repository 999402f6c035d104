"""Looking at a page as everybody sees it: on a desk and a phone, in the light and the dark."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.sync.test_browser import LOOKS, shoot
from tests.web.test_browser import DESK, faults_here


def look(page: Page, url: str, name: str) -> list[str]:
    """Return what is wrong with a page: what the browser complains of, and what `look_here` finds."""
    found: list[str] = []

    def complain(text: str) -> None:
        found.append(f"{url}: {text}")

    page.on("console", lambda message: complain(message.text))
    page.on("pageerror", lambda error: complain(str(error)))
    page.goto(url, wait_until="networkidle")
    return look_here(page, name) + found


def look_here(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page as it is now, in each look; pictures of it are called so (see `shoot`)."""
    found: list[str] = []
    for size, scheme in LOOKS:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_timeout(200)  # colours fade from one to the other
        found += faults_here(page)
        shoot(page, name, size, scheme)
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    page.emulate_media(color_scheme="light")
    return found
