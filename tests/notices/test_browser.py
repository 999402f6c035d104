"""The pages about mail in a real browser: for everybody, in the light and the dark, on a desk and a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from posthouse.accounts import resets
from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.notices import outbox
from posthouse.notices.letters import Letter
from posthouse.notices.models import OutgoingMail
from posthouse.sync.models import Copy
from tests.web.test_browser import DESK, PHONE, Visit, faults, visit

__all__ = ["visit"]  # the fixture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def mails(alice: User, bob: User, admin: User, tokyo: Server) -> OutgoingMail:
    """Mails in several states, and a slave OUT OF SYNC."""
    Copy.objects.create(server=tokyo, reason="Nothing answers at tokyo.example, port 443.", synced_at=tokyo.created_at)
    title = "Rushes of day 12, unit B, withaverylongnamethatdoesnotbreakanywhere_and_goes_on_and_on.mov"
    facts = {"Title": title, "From": "Bob, bob@example.com", "Contents": "3 files, 48.3 GB"}
    letter = Letter(f"Bob sent you “{title}”", "A package from Bob is here.", facts, "https://paris.example/x", "Open")
    for event, state, error in (
        ("a", State.DONE, ""),
        ("b", State.FAILED, "The mail server refused the address alice@example.com: “550 5.1.1 No such user”."),
        ("c", State.DEFERRED, "The mail server refused the address alice@example.com: “451 4.7.1 Greylisted”."),
        ("d", State.QUEUED, ""),
    ):
        outbox.tell([alice], event, letter)
        OutgoingMail.objects.filter(about=event).update(state=state, last_error=error)
    return OutgoingMail.objects.get(about="b")


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_within_their_policy(
    visit: Visit, admin: User, mails: OutgoingMail, size: tuple[int, int], scheme: str
) -> None:
    places = [reverse("notices:mails"), reverse("notices:mail", args=[mails.pk])]
    places += [reverse("notices:wordings"), reverse("notices:wording", args=["out-of-sync"]), reverse("notices:server")]

    def look(page: Page, address: str) -> list[str]:
        return [fault for place in places for fault in faults(page, address + place)]

    assert visit(look, admin, size, scheme) == []


def test_somebody_without_a_password_gets_one_by_the_keyboard(visit: Visit, alice: User) -> None:
    def ask(page: Page, address: str) -> list[str]:
        found = faults(page, address + reverse("accounts:forgot"))
        page.get_by_label("User name or e-mail address").fill("alice")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Look at your mail").wait_for()
        return found

    def choose(page: Page, address: str) -> list[str]:
        found = faults(page, address + place)
        page.get_by_label("New password", exact=True).fill("quite another secret")
        page.get_by_label("New password again").fill("quite another secret")
        page.keyboard.press("Enter")
        page.get_by_text("Your password was set").wait_for()
        return found

    assert visit(ask) == []
    resets.answer_wishes()
    place = reverse("accounts:choose", args=[OutgoingMail.objects.get().secret])
    assert visit(choose, None, PHONE, "dark") == []
    alice.refresh_from_db()
    assert alice.check_password("quite another secret")
