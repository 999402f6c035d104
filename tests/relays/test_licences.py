"""Without a licence for multi-server relays wait; nothing of them is lost (R1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.cluster.errors import Kind, Refused
from posthouse.licensing import licences
from posthouse.packages.models import Package
from posthouse.relays import queue, sender
from posthouse.relays.models import Link, Relay
from tests.licensing.conftest import Issue, issue
from tests.relays.fake_far import FakeFar, claim, close_connections, far, send

__all__ = ["close_connections", "far", "issue", "send"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
Status = Package.Status


def test_without_a_licence_relays_wait_as_long_as_it_takes_and_go_on_with_a_new_one(
    send: Callable[..., Package], far: FakeFar, issue: Issue
) -> None:
    """R1: no package is lost because a licence was not renewed in time."""
    package = send("bob")
    Relay.objects.update(since=timezone.now() - timedelta(days=30))
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, far.calls) == ("held", [])
    assert "paris has no licence" in relay.last_error
    package.refresh_from_db()
    assert package.status == Status.RELAYING
    licences.install(issue(), audit.COMMAND_LINE)
    sender.run(claim(), far)
    package.refresh_from_db()
    assert package.status == Status.COMPLETE


def test_a_far_side_without_a_licence_is_waited_for(send: Callable[..., Package], far: FakeFar) -> None:
    send("bob")
    Relay.objects.update(since=timezone.now() - timedelta(days=30), attempts=30)
    far.errors["offer"] = Refused(409, "tokyo has no licence.", Kind.ADMINISTRATOR, "licence")
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.last_error) == ("held", "tokyo has no licence.")
    assert timezone.now() - relay.since < timedelta(minutes=1)
    assert not Link.objects.filter(failures__gt=0).exists()


def test_a_relay_can_be_cancelled_without_a_licence(send: Callable[..., Package], far: FakeFar, issue: Issue) -> None:
    send("bob")
    Relay.objects.update(fence=1)
    assert queue.cancel(Relay.objects.get(), "Alice")
    sender.run(claim(), far)
    assert (Relay.objects.get().state, far.calls) == ("failed", ["withdraw"])
