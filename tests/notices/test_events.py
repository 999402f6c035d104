"""Who is told of what: packages that can be fetched (D13), relays that failed (D12), slaves OUT OF SYNC (R28, R29)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.models import State
from posthouse.notices import conditions
from posthouse.notices.models import OutgoingMail
from posthouse.packages import lifecycle, signals
from posthouse.packages.models import Delivery, Package
from posthouse.relays import queue
from posthouse.relays.models import Relay
from posthouse.sync import runs
from posthouse.sync.models import Copy, Run
from tests.conftest import make_user
from tests.notices.conftest import told
from tests.packages.conftest import upload

Make = Callable[..., Package]


def test_a_recipient_who_lives_here_is_told_when_all_of_it_is_here(draft: Make, alice: User, bob: User) -> None:
    package = draft("alice", "bob", title="Rushes of day 12", files=(("a.mov", 1_500),))
    assert told() == [], "nothing is here yet"
    upload(package)
    assert told() == [("alice@example.com", "Alice sent you “Rushes of day 12”")], "Bob's home server tells Bob"
    text = OutgoingMail.objects.get().text
    for words in (
        "Title: Rushes of day 12\n",
        "From: Alice, alice@example.com\n",
        "Contents: 1 file, 1.50 kB\n",
        f"https://paris.example{reverse('packages:detail', args=[package.pk])}\n",
    ):
        assert words in text
    package.refresh_from_db()
    signals.package_arrived.send(Package, package=package)
    assert len(told()) == 1, "once, however often it is said"


def test_a_package_from_another_server_is_told_at_its_arrival(
    alice: User, bob: User, tokyo: Server, paris: Server
) -> None:
    title = "Takes\r\nBcc: eve@example.com\u202e <b>"
    package = Package.objects.create(title=title, sender=bob, origin=tokyo, status="complete", size=0, file_count=2)
    Delivery.objects.create(package=package, recipient=alice, home=paris, available_at=timezone.now())
    Delivery.objects.create(package=package, recipient=bob, home=tokyo)
    signals.package_arrived.send(Package, package=package)
    assert told() == [("alice@example.com", "Bob sent you “Takes Bcc: eve@example.com <b>”")]
    mail = OutgoingMail.objects.get()
    assert "2 files, 0 bytes" in mail.text
    assert "&lt;b&gt;" in mail.html
    assert "\u202e" not in mail.html + mail.text


def test_an_upload_that_is_closed_twice_is_told_once(draft: Make, alice: User) -> None:
    package = upload(draft("alice"))
    assert not lifecycle.close(package)
    assert len(told()) == 1


@pytest.fixture
def relay(alice: User, bob: User, admin: User, paris: Server, tokyo: Server) -> Relay:
    """A relay of Alice's to Bob that is being tried."""
    package = Package.objects.create(title="Rushes", sender=alice, origin=paris, status="relaying", size=5)
    Delivery.objects.create(package=package, recipient=bob, home=tokyo)
    Relay.objects.create(package=package, destination=tokyo, size=5)
    row = leases.claim(Relay.objects.all(), "worker")
    assert row is not None
    return row


FAILED = "“Rushes” could not be relayed to tokyo"


def test_the_sender_and_the_administrators_are_told_that_a_relay_failed(relay: Relay) -> None:
    queue.fail(relay, "Bob is not known on this server.")
    assert told() == [("admin@example.com", FAILED), ("alice@example.com", FAILED)]
    text = OutgoingMail.objects.filter(to="alice@example.com").get().text
    for words in (
        "Reason: Bob is not known on this server.\n",
        "Recipients there: Bob\n",
        f"https://paris.example{reverse('relays:package', args=[relay.package_id])}\n",
    ):
        assert words in text


def test_of_two_accounts_with_one_address_only_one_is_told(relay: Relay, alice: User, paris: Server) -> None:
    make_user("boss", paris, User.Role.ADMINISTRATOR)
    User.objects.filter(login="boss").update(email="Alice@example.com")
    queue.fail(relay, "No.")
    assert told() == [("admin@example.com", FAILED), ("alice@example.com", FAILED)]


def test_a_relay_that_fails_again_after_a_retry_is_told_again(relay: Relay) -> None:
    queue.fail(relay, "No.")
    assert queue.retry(relay)
    again = leases.claim(Relay.objects.all(), "worker")
    assert again is not None
    queue.fail(again, "No.")
    assert len(told()) == 4


def test_a_relay_whose_lease_was_lost_tells_nobody(relay: Relay) -> None:
    Relay.objects.update(fence=99)
    with pytest.raises(leases.LostLease):
        queue.fail(relay, "No.")
    assert told() == []


def test_a_relay_that_was_cancelled_tells_nobody(relay: Relay) -> None:
    assert queue.cancel(relay, "Alice")
    row = leases.claim(Relay.objects.all(), "worker")
    assert row is not None
    queue.fail(row, queue.cancelled(row.cancelled_by))
    Relay.objects.update(state=State.QUEUED, fence=0, cancelled_by="")
    assert queue.cancel(Relay.objects.get(), "Alice")
    assert told() == []


def test_senders_are_told_that_the_server_was_removed(relay: Relay, tokyo: Server) -> None:
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    assert queue.end_removed() == 1
    assert told() == [("alice@example.com", FAILED)], "an administrator has removed it, and was told what that does"
    assert "Reason: tokyo was removed from the cluster." in OutgoingMail.objects.get().text


@pytest.fixture
def copy(paris: Server, tokyo: Server, admin: User, alice: User) -> Copy:
    """A slave that was OK until just now, and has failed as often as is allowed."""
    make_user("root", tokyo, User.Role.ADMINISTRATOR)
    now = timezone.now()
    return Copy.objects.create(server=tokyo, status=Copy.Status.OK, synced_at=now, failures=5, since=now)


def ended(copy: Copy, error: str = "") -> None:
    """End an automatic sync of the slave."""
    Run.objects.create(server=copy.server, kind=Run.Kind.AUTOMATIC)
    row = leases.claim(runs.due(), "worker")
    assert row is not None
    if error:
        runs._failed(row, error)
    else:
        runs._succeeded(row, 1)


LOST, FOUND = "tokyo is OUT OF SYNC", "tokyo is in sync again"


def test_every_administrator_is_told_once_that_a_slave_is_out_of_sync_and_once_that_it_is_well(copy: Copy) -> None:
    ended(copy, "Nothing answers at tokyo.example, port 443.")
    everyone = [("admin@example.com", LOST), ("root@example.com", LOST)]
    assert told() == everyone
    copy.refresh_from_db()
    text = OutgoingMail.objects.first().text  # type: ignore[union-attr]
    for words in (
        "Server: tokyo, https://tokyo.example/aspera/faspex/\n",
        f"OUT OF SYNC since: {copy.since.day} {copy.since:%B %Y, %H:%M} UTC\n",
        f"Last sync that succeeded: {copy.synced_at.day} ",  # type: ignore[union-attr]
        "Last error: Nothing answers at tokyo.example, port 443.\n",
        "https://paris.example/aspera/faspex/server/multi-server/\n",
    ):
        assert words in text
    ended(copy, "Still nothing.")
    assert told() == everyone, "it is the same event"

    ended(copy)
    assert told() == sorted([*everyone, ("admin@example.com", FOUND), ("root@example.com", FOUND)])
    ended(copy)
    assert len(told()) == 4

    Copy.objects.update(failures=5)
    ended(copy, "Gone again.")
    assert len(told()) == 6, "the next time is another event"


def test_failures_that_are_allowed_tell_nobody(copy: Copy) -> None:
    Copy.objects.update(failures=4)
    ended(copy, "A blip.")
    ended(copy)
    assert told() == []


def test_the_first_sync_of_a_new_slave_tells_nobody(copy: Copy) -> None:
    Copy.objects.update(status=Copy.Status.OUT_OF_SYNC, synced_at=None)
    ended(copy)
    assert told() == []


def test_what_was_lost_is_shown_to_administrators_until_it_is_well(
    copy: Copy, client: Client, admin: User, alice: User, rio: Server
) -> None:
    words = "tokyo is OUT OF SYNC. Nothing answers."
    place = reverse("accounts:list")
    client.force_login(admin)
    assert words not in client.get(place).content.decode()
    ended(copy, "Nothing answers.")
    page = client.get(place).content.decode()
    assert words in page
    assert 'aria-label="What needs an administrator"' in page
    Copy.objects.create(server=rio)
    assert "rio, tokyo are OUT OF SYNC." in client.get(place).content.decode()
    Server.objects.filter(pk=rio.pk).update(removed_at=timezone.now())
    client.force_login(alice)
    assert "OUT OF SYNC" not in client.get(reverse("packages:received")).content.decode()
    ended(copy)
    assert not [condition for condition in conditions.current() if "OUT OF SYNC" in condition.text]


def test_a_condition_is_asked_for_once_even_if_it_is_registered_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "_sources", [])

    @conditions.register
    def source() -> list[conditions.Condition]:
        return [conditions.Condition("It rains.", "front", "Umbrellas")]

    conditions.register(source)
    assert [condition.text for condition in conditions.current()] == ["It rains."]
