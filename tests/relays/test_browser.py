"""The page of a package's relays in a real browser: usable by everybody, and live (R59 to R64)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.packages.models import Package
from posthouse.relays.models import Link, Relay
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def package(alice: User, paris: Server, tokyo: Server, rio: Server) -> Package:
    """A package of Alice's with a relay in each state."""
    package = Package.objects.create(
        title="Rushes of day 12, unit B, with sound",
        sender=alice,
        origin=paris,
        status="error",
        size=48_300_000_000,
        file_count=3,
    )

    def relay(destination: Server, state: str, done: float, **fields: object) -> None:
        size = package.size
        Relay.objects.create(
            package=package, destination=destination, state=state, size=size, done=int(size * done), fence=1, **fields
        )

    lima, oslo, wien = (Server.objects.create(name=name, host=f"{name}.example") for name in ("lima", "oslo", "wien"))
    soon = timezone.now() + timedelta(minutes=4)
    relay(tokyo, "active", 0.4, attempts=1)
    relay(rio, "done", 1)
    relay(lima, "deferred", 0.7, attempts=3, next_try_at=soon, last_error="Nothing answers at lima.example, port 443.")
    full = "The store has no room left. What has arrived is kept; it goes on once an administrator has made room."
    relay(oslo, "held", 0.1, attempts=2, next_try_at=soon, last_error=full)
    relay(wien, "failed", 0, last_error="wien was removed from the cluster.", ended_at=timezone.now())
    return package


@pytest.fixture
def queue(alice: User, package: Package, paris: Server, tokyo: Server, rio: Server) -> None:
    """Many relays of many ages: to tokyo all is well, rio cannot be reached, and lima is held."""
    now = timezone.now()
    lima = Server.objects.get(name="lima")
    Link.objects.create(server=tokyo, window=5)
    error = "Nothing answers at rio.example, port 443."
    Link.objects.create(
        server=rio, failures=9, next_try_at=now + timedelta(minutes=4), last_error=error, trouble="unreachable"
    )
    Link.objects.create(server=lima, held_by="Admin")
    packages = Package.objects.bulk_create(
        Package(title=f"Day {number}, unit B", sender=alice, origin=paris, size=10**9, status="relaying")
        for number in range(120)
    )
    Relay.objects.bulk_create(
        Relay(
            package=one,
            destination=(tokyo, rio, rio, lima)[number % 4],
            sender=alice,
            size=one.size,
            state="queued",
            since=now - timedelta(minutes=number**2 if number % 4 else number % 9),
        )
        for number, one in enumerate(packages)
    )


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize("name", ["relays:index", "relays:history"])
@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "light"), (DESK, "dark"), (PHONE, "dark")])
def test_links_and_history_are_accessible_and_within_their_policy(
    visit: Visit, admin: User, name: str, size: tuple[int, int], scheme: str
) -> None:
    assert visit(lambda page, address: faults(page, address + reverse(name)), admin, size, scheme) == []


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_within_its_policy(
    visit: Visit, alice: User, package: Package, size: tuple[int, int], scheme: str
) -> None:
    place = reverse("relays:package", args=[package.pk])
    assert visit(lambda page, address: faults(page, address + place), alice, size, scheme) == []


def test_the_page_follows_a_relay_to_its_end_without_being_loaded_anew(
    visit: Visit, alice: User, package: Package, tokyo: Server
) -> None:
    Relay.objects.exclude(destination=tokyo).delete()

    def update(**fields: object) -> None:
        """Change the row in another thread: Playwright's event loop keeps this one from the database."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: [Relay.objects.update(**fields), connection.close()]).result()

    def follow(page: Page, address: str) -> None:
        page.goto(address + reverse("relays:package", args=[package.pk]))
        page.evaluate("window.same = true")
        expect(page.get_by_role("progressbar")).to_have_attribute("value", str(int(package.size * 0.4)))
        page.get_by_role("button", name="Cancel the relay to tokyo").focus()
        update(done=30_000_000_000)
        expect(page.get_by_text("30.0 GB of 48.3 GB")).to_be_visible(timeout=10_000)
        focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused == "Cancel the relay to tokyo", "an update must not take the focus away"
        update(state="done", done=package.size)
        expect(page.get_by_text("Complete")).to_be_visible(timeout=10_000)
        assert page.evaluate("window.same")

    visit(follow, alice)


def test_a_click_retries(visit: Visit, alice: User, package: Package) -> None:
    def click(page: Page, address: str) -> None:
        page.goto(address + reverse("relays:package", args=[package.pk]))
        page.get_by_role("button", name="Retry the relay to lima").click()
        expect(page.get_by_text("The relay to lima is tried again now.")).to_be_visible()

    visit(click, alice)
    assert Relay.objects.get(destination__name="lima").state == "queued"
