"""The pages about mail in a real browser: for everybody, in the light and the dark, on a desk and a phone."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page

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

    def look(page: Page, address: str) -> list[str]:
        return [fault for place in places for fault in faults(page, address + place)]

    assert visit(look, admin, size, scheme) == []
