"""Cut-through, where it leaves: parts go on while the rest is still being uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event

import pytest
from django.db import connections
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.errors import Kind, Refused
from posthouse.cluster.models import Server
from posthouse.jobs.leases import LostLease
from posthouse.packages import drafts, lifecycle
from posthouse.packages.models import Package
from posthouse.relays import early, queue, sender, telling, wire
from posthouse.relays.models import Relay, RelayLimits
from posthouse.relays.wire import Gap, Standing
from posthouse.store import blobs, parts
from posthouse.store.models import Blob
from posthouse.transfers.models import Upload
from tests.relays.conftest import PART, contents_of
from tests.relays.test_sending import FakeFar, claim

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = (3 * PART + 17, 0, 5)


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    yield
    connections.close_all()


class EarlyFar(FakeFar):
    """A far side that takes outlines, too."""

    def outline(self, data: bytes) -> Standing:
        self._step("outline")
        self.sizes = {number: file.size for number, file in enumerate(wire.read_outline(data)) if file}
        self.state = wire.ARRIVING
        missing = self._standing().missing
        self.state = wire.OFFERED
        return Standing(wire.OFFERED, missing)


class Uploading:
    """A package of Alice's whose film is being uploaded."""

    def __init__(self, sender_: User, recipients: tuple[str, ...]) -> None:
        self.data = contents_of(*SIZES)
        files = [(f"{number}.bin", len(data)) for number, data in enumerate(self.data)]
        self.package = drafts.create(sender_, "Rushes", "", list(recipients), files)
        self.blobs: dict[int, Blob] = {}
        for file in self.package.files.exclude(size=0):
            self.blobs[file.number] = blobs.create(file.size)
            Upload.objects.create(file=file, blob=self.blobs[file.number], expires_at=timezone.now())

    def come(self, number: int, part: int) -> None:
        with blobs.writer(self.blobs[number], part) as writer:
            writer.write(self.data[number][part * PART : (part + 1) * PART])
            writer.finish()

    def end(self) -> None:
        for number, blob in self.blobs.items():
            for part in set(range(parts.part_count(blob.size, PART))) - blobs.have(blob):
                self.come(number, part)
            lifecycle.file_arrived(self.package.files.get(number=number), blobs.complete(blob))


@pytest.fixture
def uploading(
    here: Server, alice: User, bob: User, carla: User, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Uploading]:
    RelayLimits.objects.create(pk=1, cut_through=True)
    monkeypatch.setattr(early, "LEAST", 1)
    monkeypatch.setattr(early, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(early, "IDLE_SECONDS", 0.05)
    return lambda *recipients: Uploading(alice, recipients or ("bob",))


def test_it_begins_only_if_that_is_set_and_something_has_come(uploading: Callable[..., Uploading]) -> None:
    upload = uploading("bob", "carla")
    assert early.begin() == 0
    upload.come(0, 0)
    RelayLimits.objects.update(cut_through=False)
    assert early.begin() == 0
    RelayLimits.objects.update(cut_through=True)
    assert early.begin() == 1
    assert early.begin() == 0
    assert Relay.objects.filter(early=True).count() == 2
    assert Package.objects.get().status == "uploading"


def test_what_is_here_travels_and_the_rest_follows_at_the_end(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(0, 1)
    early.begin()
    far = EarlyFar()
    seen: list[dict[tuple[int, int], bytes]] = []

    def sent() -> None:
        if not seen:
            seen.append(dict(far.got))
            assert Package.objects.get().status == "uploading"
            upload.end()
            connections.close_all()

    far.on["part"] = sent
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.done, relay.early) == ("done", sum(SIZES), False)
    assert far.calls[:2] == ["offer", "outline"]
    assert far.calls[-1] == "commit"
    assert far.calls.index("manifest") > far.calls.index("part")
    assert b"".join(far.got[0, part] for part in range(4)) == upload.data[0]
    assert far.calls.count("part") == 3, "nothing twice; the fourth is small, and came in a bundle"
    assert Package.objects.get().status == "complete"


def test_what_comes_meanwhile_goes_beside_what_is_under_way(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(0, 1)
    early.begin()
    far = EarlyFar()
    beside = Event()
    waited: list[bool] = []

    def sent() -> None:
        if far.calls.count("part") > 1:
            beside.set()
            return
        upload.come(0, 2)
        connections.close_all()
        waited.append(beside.wait(10))

    far.on["part"] = sent
    sender.run(claim(), far)
    assert waited == [True]
    assert set(far.got) == {(0, 1), (0, 2)}
    assert Relay.objects.get().done == 2 * PART


def test_an_upload_that_stands_still_gives_the_place_to_others(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    far = EarlyFar()
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.last_error, relay.trouble, relay.attempts) == ("deferred", "", "", 0)
    assert relay.done == PART
    upload.end()
    relay.refresh_from_db()
    assert (relay.state, relay.next_try_at, relay.early) == ("queued", None, False), "the end of the upload wakes it"
    sender.run(claim(), far)
    relay.refresh_from_db()
    assert relay.state == "done"
    assert far.calls.count("part") == 3, "nothing twice"


def test_an_upload_that_is_given_up_ends_the_relay_on_both_sides(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    far = EarlyFar()
    sender.run(claim(), far)
    assert lifecycle.give_up(upload.package, "Alice discarded it.")
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, far.calls[-1]) == ("failed", "withdraw")
    package = Package.objects.get()
    assert (package.status, package.error) == ("error", "Alice discarded it."), "the relay has no say in it"


def test_a_relay_that_failed_early_is_tried_again_at_the_end(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    far = EarlyFar()
    far.errors["outline"] = Refused(422, "No.", Kind.PERMANENT)
    sender.run(claim(), far)
    assert Relay.objects.get().state == "failed"
    assert Package.objects.get().status == "uploading"
    upload.end()
    assert Package.objects.get().status == "relaying"
    sender.run(claim(), EarlyFar())
    assert Package.objects.get().status == "complete"


def test_recipients_who_moved_during_the_upload_get_it_where_they_live(
    uploading: Callable[..., Uploading], bob: User, rio: Server, tokyo: Server
) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    User.objects.filter(pk=bob.pk).update(home=rio)
    upload.end()
    assert Relay.objects.get(destination=rio).early is False
    assert Relay.objects.get(destination=tokyo).cancelled_by
    assert Relay.objects.get(destination=tokyo).state == "failed", "at once: nothing had travelled"


def test_who_is_left_by_all_his_recipients_has_no_say_in_what_becomes_of_the_package(
    uploading: Callable[..., Uploading], bob: User, rio: Server, tokyo: Server
) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    sender.run(claim(), EarlyFar())  # so that tokyo must be told to forget it
    User.objects.filter(pk=bob.pk).update(home=rio)
    upload.end()
    far = {tokyo.pk: EarlyFar(), rio.pk: EarlyFar()}
    for _ in range(2):
        job = claim()
        sender.run(job, lambda server, *_: far[server.pk])
    states = {relay.destination_id: relay.state for relay in Relay.objects.all()}
    assert states == {tokyo.pk: "failed", rio.pk: "done"}
    assert far[tokyo.pk].calls == ["withdraw"]
    assert Package.objects.get().status == "complete"


def test_a_package_whose_last_recipients_moved_here_is_complete(
    uploading: Callable[..., Uploading], bob: User, here: Server
) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    User.objects.filter(pk=bob.pk).update(home=here)
    upload.end()
    relay = Relay.objects.get()
    assert (relay.state, relay.for_nobody) == ("failed", True)
    assert Package.objects.get().status == "complete"
    assert queue.retry(relay), "somebody wants it there all the same"
    assert not Relay.objects.get().for_nobody
    assert Package.objects.get().status == "relaying"


def test_what_was_cancelled_during_the_upload_shows_at_its_end(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    assert queue.cancel(Relay.objects.get(), "Alice")
    assert Package.objects.get().status == "uploading"
    upload.end()
    assert Relay.objects.get().state == "failed", "Alice does not want it"
    assert Package.objects.get().status == "error"
    assert queue.retry(Relay.objects.get())
    sender.run(claim(), EarlyFar())
    assert Package.objects.get().status == "complete"


def test_a_relay_of_a_package_that_was_given_up_ends_again_when_it_is_retried(
    uploading: Callable[..., Uploading],
) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    assert lifecycle.give_up(upload.package, "Alice discarded it.")
    assert queue.retry(Relay.objects.get())
    far = EarlyFar()
    with pytest.raises(LostLease):
        sender.run(claim(), far)
    assert far.calls == [], "nothing is begun there"
    sender.run(claim(), far)
    assert (Relay.objects.get().state, far.calls) == ("failed", ["withdraw"])
    assert Package.objects.get().status == "error"


def test_a_relay_that_fails_after_the_upload_is_told_though_it_began_before(
    uploading: Callable[..., Uploading], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(telling, "failed", lambda relay, error: told.append(error))
    upload = uploading()
    upload.come(0, 1)
    early.begin()
    far = EarlyFar()
    far.errors["manifest"] = Refused(422, "No.", Kind.PERMANENT)
    ended: list[bool] = []

    def sent() -> None:
        if not ended:
            ended.append(True)
            upload.end()
            connections.close_all()

    far.on["part"] = sent
    sender.run(claim(), far)
    assert Relay.objects.get().state == "failed"
    assert told == ["No."]


def test_a_relay_that_a_worker_takes_at_the_moment_of_its_cancellation_is_cancelled(
    uploading: Callable[..., Uploading],
) -> None:
    upload = uploading()
    upload.come(0, 0)
    early.begin()
    seen = Relay.objects.get()
    claim()
    assert queue.cancel(seen, "Alice")
    far = EarlyFar()
    sender.run(claim(), far)
    assert (Relay.objects.get().state, far.calls) == ("failed", ["withdraw"])
    assert not queue.cancel(seen, "Alice")


def test_small_parts_wait_for_the_end_of_the_upload(uploading: Callable[..., Uploading]) -> None:
    upload = uploading()
    upload.come(2, 0)
    upload.come(0, 3)
    early.begin()
    far = EarlyFar()
    sender.run(claim(), far)
    assert far.got == {}
    assert Relay.objects.get().state == "deferred"


def test_a_package_of_small_files_does_not_begin_early(
    uploading: Callable[..., Uploading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SMALL", max(SIZES))
    uploading().come(0, 0)
    assert early.begin() == 0


def test_runs_of_parts_are_told_as_gaps() -> None:
    ready = [(0, 0), (0, 1), (0, 3), (2, 0), (3, 1), (3, 2)]
    assert early.gaps_of(ready) == [Gap(0, 0, 1), Gap(0, 3, 3), Gap(2, 0, 0), Gap(3, 1, 2)]
