"""Bytes that are here already do not travel again, and nobody learns of bytes that he does not have."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

import pytest

from posthouse.cluster.errors import CallError, Refusal
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.lib.ids import uuid7
from posthouse.packages import ending
from posthouse.packages import manifest as manifests
from posthouse.packages.models import Package
from posthouse.relays import intake, known
from posthouse.relays.models import Arrival, Relay
from posthouse.store import blobs
from posthouse.store.models import Blob
from posthouse.store.records import Piece
from tests.relays.conftest import PART, Tokyo, Wire, arrived

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Tokyo]
SIZES = (2 * PART + 17, 5, PART)


@pytest.fixture(autouse=True)
def least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "LEAST", 1000)


def again(tokyo: Tokyo) -> Tokyo:
    """The same files in another package."""
    return Tokyo(tokyo.here, tokyo.contents, dataclasses.replace(tokyo.manifest, package=uuid7()))


def parts_sent(line: Wire) -> int:
    return sum(count for step, count in line.carried.items() if step.startswith("PUT parts"))


def test_the_same_files_from_the_same_server_travel_once(tokyo_sends: Send, line: Wire) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    line.carried.clear()
    second = again(first)
    second.send()
    assert parts_sent(line) == 0
    assert line.carried["PUT bundle"] == 1  # the small one: to look for it would cost as much
    assert arrived(second.manifest.package) == first.contents
    assert second.done[0] >= sum(SIZES) - 5


def test_each_package_keeps_its_bytes_when_the_other_ends(tokyo_sends: Send, line: Wire) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    second = again(first)
    second.send()
    ending.end(first.manifest.package, Package.End.DELETED)
    assert ending.free() == 1
    assert arrived(second.manifest.package) == first.contents
    assert Blob.objects.count() == len(SIZES)


def test_bytes_that_came_from_another_server_travel(tokyo_sends: Send, line: Wire, rio: Server) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    Package.objects.update(origin=rio)
    line.carried.clear()
    again(first).send()
    assert parts_sent(line) == 3


def test_bytes_that_went_to_the_server_do_not_travel_back(
    tokyo_sends: Send, line: Wire, rio: Server, tokyo: Server
) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    Package.objects.update(origin=rio)
    relay = Relay.objects.create(package=Package.objects.get(), destination=tokyo, state=State.ACTIVE)
    line.carried.clear()
    again(first).send()
    assert parts_sent(line) == 3, "it is not there completely, so it need not know of them"
    Package.objects.exclude(pk=first.manifest.package).update(origin=rio)
    Relay.objects.filter(pk=relay.pk).update(state=State.DONE)
    line.carried.clear()
    again(first).send()
    assert parts_sent(line) == 0


def test_bytes_that_were_damaged_at_rest_travel(tokyo_sends: Send, line: Wire) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    path = blobs.path(Blob.objects.get(size=SIZES[0]))
    assert path is not None
    with path.open("r+b") as file:
        file.write(b"\0\0\0\0")
    line.carried.clear()
    second = again(first)
    second.send()
    assert parts_sent(line) == 2
    assert arrived(second.manifest.package) == first.contents


def test_a_server_that_dies_while_it_links_bytes_never_writes_into_those_of_another_package(
    tokyo_sends: Send, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokyo_sends(*SIZES)
    first.send()

    def die(*_: object) -> None:
        raise CallError("killed")

    second = again(first)
    with monkeypatch.context() as patch:
        patch.setattr(known.many, "record", die)
        with pytest.raises(CallError):
            second.send()
    assert Blob.objects.filter(state=Blob.State.ARRIVING).count() == len(SIZES)
    good = second.contents
    second.contents = [bytes(len(data)) for data in good]  # damaged on the way, each time
    with pytest.raises(CallError, match="arrived damaged"):
        second.send(fence=2)
    assert arrived(first.manifest.package) == first.contents
    second.contents = good
    second.send(fence=3)
    assert arrived(second.manifest.package) == arrived(first.manifest.package) == good


def test_nobody_writes_a_part_while_bytes_are_linked(
    tokyo_sends: Send, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    second = again(first)
    real, refused = known.many.record, []

    def record(pieces: Mapping[UUID, Iterable[Piece]]) -> None:
        for blob in Blob.objects.filter(pk__in=pieces):
            with pytest.raises(Refusal, match="still sending") as refusal:
                intake.lock_part(blob, 0)
            refused.append(refusal.value.code)
        real(pieces)

    with monkeypatch.context() as patch:
        patch.setattr(known.many, "record", record)
        second.far().offer(second.manifest.package, second.manifest.size)
        second.far().manifest(manifests.dumps(second.manifest))
    assert refused == ["locked", "locked"]
    second.send()
    assert arrived(second.manifest.package) == first.contents


def test_a_file_of_which_somebody_sends_a_part_already_is_not_linked(tokyo_sends: Send, line: Wire) -> None:
    first = tokyo_sends(*SIZES)
    first.send()
    twin = Blob.objects.get(size=SIZES[0])
    blob = blobs.create(SIZES[0])
    lock = intake.lock_part(blob, 1)
    assert not known._adopt(Arrival.objects.get(), first.manifest.blobs[0], blob, twin)
    os.close(lock)
    assert blobs.local().length(blob.pk) == 0
