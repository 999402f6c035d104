"""The sender's rows: what each outcome of an attempt makes of the relay, of its link and of its package."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.errors import (
    CallError,
    Failed,
    Kind,
    NotTrusted,
    Refused,
    Unreachable,
    VersionDiffers,
    WrongCertificate,
)
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job, Stopping
from posthouse.jobs.leases import LostLease
from posthouse.packages.models import Package
from posthouse.relays import picking, queue, sender
from posthouse.relays.models import Link, Relay
from tests.relays.conftest import PART, contents_of
from tests.relays.fake_far import SIZES, FakeFar, again, claim, close_connections, far, send

__all__ = ["close_connections", "far", "send"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)

Status = Package.Status


def test_a_package_is_relayed_once_to_each_home_however_many_live_there(
    send: Callable[..., Package], tokyo: Server, rio: Server
) -> None:
    User.objects.create(login="ben", name="Ben", email="ben@example.com", home=tokyo)
    package = send("alice", "bob", "ben", "carla")
    assert package.status == Status.RELAYING
    assert set(Relay.objects.values_list("destination", "size")) == {
        (tokyo.pk, sum(SIZES)),
        (rio.pk, sum(SIZES)),
    }


def test_a_package_for_residents_only_has_no_relay(send: Callable[..., Package]) -> None:
    assert send("alice").status == Status.COMPLETE
    assert not Relay.objects.exists()


def test_closing_twice_makes_no_second_relay(send: Callable[..., Package]) -> None:
    package = send("bob")
    queue.enqueue(package)
    assert Relay.objects.count() == 1


def test_a_relay_that_is_done_completes_the_package(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob")
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.done, relay.last_error) == ("done", relay.size, "")
    assert (far.calls[:2], far.calls[-1]) == (["offer", "manifest"], "commit")
    assert sorted(far.calls[2:-1]) == ["bundle", "part", "part"]
    contents = contents_of(*SIZES)
    assert far.got == {
        (0, 0): contents[0][:PART],
        (0, 1): contents[0][PART : 2 * PART],
        (0, 2): contents[0][2 * PART :],
        (2, 0): contents[2],
    }
    package.refresh_from_db()
    assert package.status == Status.COMPLETE


def test_a_package_is_complete_only_when_every_relay_is(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob", "carla")
    sender.run(claim(), far)
    package.refresh_from_db()
    assert package.status == Status.RELAYING
    sender.run(claim(), FakeFar())
    package.refresh_from_db()
    assert package.status == Status.COMPLETE


@pytest.mark.parametrize(
    ("error", "state", "of_link"),
    [
        (Unreachable("Nothing answers at tokyo."), "deferred", True),
        (Failed("tokyo answers with an error of its own."), "deferred", True),
        (WrongCertificate("Not the certificate that was pinned."), "held", True),
        (NotTrusted("tokyo does not know paris."), "held", True),
        (VersionDiffers("paris runs version 1, tokyo runs 2."), "held", True),  # R8
        (Refused(507, "The store has no room left.", Kind.ADMINISTRATOR, "full"), "held", False),
        (Refused(409, "new is not known on this server yet.", Kind.TEMPORARY, "unknown"), "deferred", False),
        (Refused(422, "The manifest is unsound.", Kind.PERMANENT), "failed", False),
    ],
)
def test_each_error_has_its_class_and_its_words(
    send: Callable[..., Package], far: FakeFar, error: CallError, state: str, of_link: bool
) -> None:
    package = send("bob")
    far.errors["offer"] = error
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.last_error) == (state, error.message)
    assert (relay.next_try_at is None) is (state == "failed")
    assert Link.objects.filter(failures=1).exists() is of_link
    package.refresh_from_db()
    if state == "failed":
        assert (package.status, package.error) == (Status.ERROR, f"tokyo: {error.message}")
    else:
        assert package.status == Status.RELAYING


def test_a_dead_server_costs_one_try_for_all_its_relays_and_delays_no_other(
    send: Callable[..., Package], far: FakeFar
) -> None:
    for _ in range(20):
        send("bob")
    far.errors["offer"] = Unreachable("Nothing answers at tokyo.")
    sender.run(claim(), far)
    assert picking.claim("one") is None  # nineteen wait with the one that tried
    to_rio = send("carla")
    job = claim()
    assert job.row.package_id == to_rio.pk
    leases.finish(job.row)
    again()
    first = claim()
    assert picking.claim("two") is None  # one of them tries
    sender.run(first, far)
    assert Link.objects.get(server__name="tokyo").failures == 2
    assert far.calls == ["offer"] * 2


def test_when_a_server_is_back_all_its_relays_start(send: Callable[..., Package], far: FakeFar) -> None:
    for _ in range(3):
        send("bob")
    far.errors["offer"] = Unreachable("Nothing answers at tokyo.")
    sender.run(claim(), far)
    again()
    far.errors.clear()
    sender.run(claim(), far)
    assert Link.objects.get().failures == 0
    for _ in range(2):
        sender.run(claim(), FakeFar())
    assert set(Relay.objects.values_list("state", flat=True)) == {"done"}


def test_one_place_is_left_for_other_servers(send: Callable[..., Package]) -> None:
    for _ in range(5):
        send("bob")
    send("carla")
    claimed = []
    while (row := picking.claim("one")) is not None:
        claimed.append(row.destination.name)
    assert sorted(claimed) == ["rio"] + ["tokyo"] * 3


def test_a_relay_goes_on_with_what_is_missing(send: Callable[..., Package], far: FakeFar) -> None:
    send("bob")
    far.errors["commit"] = Unreachable("The connection broke.")
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert relay.done == relay.size
    again()
    far.errors.clear()
    del far.got[0, 1]
    far.calls.clear()
    sender.run(claim(), far)
    assert far.calls == ["offer", "part", "commit"]
    assert far.fences == {1, 2}
    assert Relay.objects.get().state == "done"


def test_a_relay_that_gets_on_starts_its_back_off_anew(send: Callable[..., Package], far: FakeFar) -> None:
    send("bob")
    Relay.objects.update(attempts=7)
    far.errors["commit"] = Refused(409, "wait", Kind.TEMPORARY)
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert relay.attempts == 1
    assert relay.next_try_at < timezone.now() + timedelta(seconds=6)


def test_a_relay_that_is_too_old_fails_aloud(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob")
    Relay.objects.update(since=timezone.now() - timedelta(days=15))
    far.errors["offer"] = Unreachable("Nothing answers at tokyo.")
    sender.run(claim(), far)
    assert Relay.objects.get().last_error == "Nothing answers at tokyo. It was tried for 14 days."
    package.refresh_from_db()
    assert package.status == Status.ERROR


def test_a_retry_starts_at_once_and_lives_as_long_as_a_new_one(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob")
    Relay.objects.update(since=timezone.now() - timedelta(days=15))
    far.errors["offer"] = Unreachable("Nothing answers at tokyo.")
    sender.run(claim(), far)
    assert queue.retry(Relay.objects.get())
    package.refresh_from_db()
    assert (package.status, package.error) == (Status.RELAYING, "")
    sender.run(claim(), far)
    assert Relay.objects.get().state == "deferred"
    assert queue.retry(Relay.objects.get())
    far.errors.clear()
    sender.run(claim(), far)
    assert not queue.retry(Relay.objects.get())  # it is done
    package.refresh_from_db()
    assert package.status == Status.COMPLETE


def test_relays_to_a_removed_server_end_with_that_reason(
    send: Callable[..., Package], far: FakeFar, tokyo: Server
) -> None:
    running, waiting = send("bob"), send("bob", "carla")
    job = claim()
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    assert queue.end_removed() == 2
    assert queue.end_removed() == 0
    for package in (running, waiting):
        package.refresh_from_db()
        assert (package.status, package.error) == (Status.ERROR, "tokyo: tokyo was removed from the cluster.")
    with pytest.raises(LostLease):
        sender.run(job, far)
    assert Relay.objects.filter(state="queued").count() == 1


def test_a_relay_that_starts_after_the_removal_ends_at_once(
    send: Callable[..., Package], far: FakeFar, tokyo: Server
) -> None:
    send("bob")
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    sender.run(claim(), far)
    assert Relay.objects.get().last_error == "tokyo was removed from the cluster."
    assert far.calls == []


def test_a_cancelled_relay_ends_on_both_sides(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob")
    job = claim()
    assert queue.cancel(job.row, "Alice")
    with pytest.raises(LostLease):
        sender.run(job, far)
    sender.run(claim(), far)
    assert far.calls[-1] == "withdraw"
    relay = Relay.objects.get()
    assert (relay.state, relay.last_error) == ("failed", "Cancelled by Alice.")
    package.refresh_from_db()
    assert package.status == Status.ERROR
    assert not queue.cancel(relay, "Alice")


def test_a_relay_that_had_not_begun_is_cancelled_at_once(send: Callable[..., Package]) -> None:
    send("bob")
    assert queue.cancel(Relay.objects.get(), "Alice")
    assert Relay.objects.get().state == "failed"
    assert picking.claim("one") is None


def test_a_cancel_that_comes_too_late_leaves_the_package_delivered(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob")
    job = claim()
    queue.cancel(job.row, "Alice")
    far.errors["withdraw"] = Refused(409, "It has arrived completely.", Kind.PERMANENT, "committed")
    sender.run(claim(), far)
    assert Relay.objects.get().state == "done"
    package.refresh_from_db()
    assert package.status == Status.COMPLETE


def test_a_cancelled_relay_whose_far_side_is_gone_ends_soon(send: Callable[..., Package], far: FakeFar) -> None:
    send("bob")
    queue.cancel(claim().row, "Alice")
    far.errors["withdraw"] = Unreachable("Nothing answers.")
    sender.run(claim(), far)
    again()
    sender.run(claim(), far)
    assert Relay.objects.get().last_error == "Cancelled by Alice."


def test_a_relay_that_lost_its_lease_writes_nothing_more(send: Callable[..., Package], far: FakeFar) -> None:
    package = send("bob")
    job = claim()
    far.on["commit"] = lambda: Relay.objects.update(fence=9)
    before = Relay.objects.values("state", "last_error").get()
    with pytest.raises(LostLease):
        sender.run(job, far)
    assert Relay.objects.values("state", "last_error").get() == before
    package.refresh_from_db()
    assert package.status == Status.RELAYING


def test_a_stop_ends_the_relay_before_its_next_part(send: Callable[..., Package], far: FakeFar) -> None:
    send("bob")
    stop = Event()
    row = picking.claim("one")
    far.on["manifest"] = stop.set
    with pytest.raises(Stopping):
        sender.run(Job(row, stop), far)
    assert far.calls == ["offer", "manifest"]


def test_contents_that_are_gone_from_the_store_end_the_relay_in_words(
    send: Callable[..., Package], far: FakeFar, store: Any
) -> None:
    package = send("bob")
    for path in store.rglob("*"):
        if path.is_file():
            path.unlink()
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert relay.state == "failed"
    assert "no longer in the store" in relay.last_error
    package.refresh_from_db()
    assert package.status == Status.ERROR
