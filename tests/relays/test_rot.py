"""Bytes that rot on the sender's disk end a relay and name the file; damage on the line does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from posthouse.accounts.models import User
from posthouse.cluster.errors import Kind, Refused
from posthouse.cluster.models import Server
from posthouse.packages import drafts, lifecycle
from posthouse.packages.models import Package
from posthouse.relays import sender, wire
from posthouse.relays.models import Relay
from posthouse.relays.sending import Sending
from posthouse.store import blobs, packs
from tests.relays.conftest import PART
from tests.relays.conftest import digest as sum_of
from tests.relays.fake_far import FakeFar, claim, close_connections, far, send

__all__ = ["close_connections", "far", "send"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
Status = Package.Status


def compare(far: FakeFar, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the far side refuse what is not what was announced, and the sender not try again by itself."""
    real = far.part

    def part(file: int, part: int, *, digest: bytes, **more: Any) -> None:
        real(file, part, digest=digest, **more)
        if sum_of(far.got[file, part]) != digest:
            raise Refused(422, f"Part {part} arrived damaged. It is sent again.", Kind.TEMPORARY, "digest")

    monkeypatch.setattr(far, "part", part)
    monkeypatch.setattr(sender, "Sending", partial(Sending, pauses=()))


def test_bytes_that_rot_on_this_disk_end_the_relay_and_name_the_file(
    send: Callable[..., Package], far: FakeFar, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = send("bob")
    blob = package.files.get(number=0).blob
    assert blob is not None
    path = blobs.local().path(blob.pk)
    data = bytearray(path.read_bytes())
    data[PART + 5] ^= 1
    path.write_bytes(data)
    compare(far, monkeypatch)
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.trouble) == ("failed", "damaged_here")
    assert "“0.bin” is damaged on this server's disk: part 1" in relay.last_error
    assert far.state != wire.COMMITTED
    package.refresh_from_db()
    assert package.status == Status.ERROR


def test_a_part_that_is_damaged_by_the_line_is_no_fault_of_the_disk(
    send: Callable[..., Package], far: FakeFar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "Sending", partial(Sending, pauses=()))
    send("bob")
    far.errors["part"] = Refused(422, "Part 1 arrived damaged. It is sent again.", Kind.TEMPORARY, "digest")
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.trouble) == ("deferred", "damaged_line")


def test_rot_that_only_the_whole_part_shows_names_the_file_too(
    send: Callable[..., Package], far: FakeFar, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches of a part carry digests of what was read; the far side finds the part wrong when all of it is there."""
    package = send("bob")
    blob = package.files.get(number=0).blob
    assert blob is not None
    path = blobs.local().path(blob.pk)
    data = bytearray(path.read_bytes())
    data[PART + 5] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(far, "commit", lambda: wire.Standing(wire.ARRIVING, [wire.Gap(0, 1, 1)]))
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.trouble) == ("failed", "damaged_here")
    assert "“0.bin” is damaged on this server's disk: part 1" in relay.last_error


def test_small_files_that_rot_in_their_pack_end_the_relay_and_the_first_is_named(
    here: Server, alice: User, bob: User, far: FakeFar, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = drafts.create(alice, "Notes", "", ["bob"], [("a.txt", 600), ("b.txt", 700)])
    files = list(package.files.order_by("number"))
    with packs.room(package.pk, [b"x" * file.size for file in files]) as spots, transaction.atomic():
        packs.record(spots[0].pack)
        for file, spot in zip(files, spots, strict=True):
            assert lifecycle.file_arrived(file, spot)
    path = blobs.local().path(package.files.get(number=0).blob_id)
    data = bytearray(path.read_bytes())
    data[650] ^= 1
    path.write_bytes(data)
    compare(far, monkeypatch)
    sender.run(claim(), far)
    relay = Relay.objects.get()
    assert (relay.state, relay.trouble) == ("failed", "damaged_here")
    assert "“a.txt” is damaged on this server's disk: part 0" in relay.last_error
