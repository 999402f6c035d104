"""Taking in the bytes of parts. It blocks; asgi.py calls it in threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.signatures import Caller
from posthouse.relays import fences, wire
from posthouse.relays.models import Arrival, ArrivalFile
from posthouse.store import blobs, digests, disk, locks, many, parts
from posthouse.store.errors import BlobMissing, PartBusy
from posthouse.store.models import Blob, Part
from posthouse.store.records import Piece
from posthouse.store.writers import PartWriter


class Intake:
    """One part on its way in. `close` it in any case; it is recorded by `finish` only, whole and verified."""

    def __init__(self, arrival: Arrival, lock: int, writer: PartWriter, expected: bytes) -> None:
        self.arrival = arrival
        self._lock: int | None = lock
        self._writer = writer
        self._expected = expected

    def write(self, *pieces: bytes) -> None:
        """Take the next bytes. Raises StoreError, and ValueError for more bytes than the part has."""
        self._writer.write(*pieces)

    def finish(self) -> None:
        """Record the part as safely here.

        Raises DigestMismatch, StoreError, ValueError when bytes are missing, Refusal when the sender was overtaken.
        """
        piece = self._writer.seal(self._expected)
        record(self.arrival, {self._writer.blob: [piece]})

    def close(self) -> None:
        """Stop, and let others write this part."""
        self._writer.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def begin(caller: Caller, relay: UUID, file: int, number: int, length: int) -> Intake | None:
    """Return what takes the bytes of a part; None when the part is here already.

    Raises Refusal when the part is not one of the arrival's, or while another connection is sending it.
    """
    arrival = fences.enter(caller, relay)
    if arrival.state == Arrival.State.COMMITTED:
        return None
    blob = blobs_of(arrival, [file])[file]
    if caller.algorithm != blob.algorithm:
        raise Refusal(422, f"The part must come with its {blob.algorithm} digest.")
    if length != _length(blob, number):
        raise Refusal(422, f"Part {number} of file {file} has {_length(blob, number)} bytes, not {length}.")
    lock = lock_part(blob, number)
    try:
        # After the lock, so that it stays true: a part that is recorded is never written to again.
        if not Part.objects.filter(blob=blob, number=number).exists():
            return Intake(arrival, lock, blobs.writer(blob, number, bulk=True), caller.digest)
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None


def take_bundle(caller: Caller, relay: UUID, bundle: bytes) -> None:
    """Take in a bundle of small parts. Each is verified before the first one is written.

    Nothing is locked here, and nothing need be: what comes late, or twice, has the bytes that are there already. Before
    the manifest that would not be so, for an upload may begin anew with others.
    """
    arrival = fences.enter(caller, relay)
    if arrival.state == Arrival.State.COMMITTED:
        return
    if arrival.state == Arrival.State.OFFERED:
        raise Refusal(409, "Bundles are taken once the manifest of the relay is here.", Kind.TEMPORARY, "unoffered")
    try:
        items = list(wire.unpack(bundle))
    except wire.WireError as error:
        raise Refusal(422, str(error)) from error
    known = blobs_of(arrival, sorted({item.file for item in items}))
    for item in items:
        blob = known[item.file]
        if len(item.data) != _length(blob, item.part):
            raise Refusal(422, f"Part {item.part} of file {item.file} has a wrong length.")
        hasher = digests.new(blob.algorithm)
        hasher.update(item.data)
        if hasher.digest() != item.digest:
            raise _damaged(item.part)
    there = many.have(list(known.values()))
    pieces: dict[UUID, list[Piece]] = {}
    with disk.synced(blobs.local().root):
        for item in items:
            blob = known[item.file]
            if item.part not in there.get(blob.id, {item.part}):
                with _writer(blob, item.part) as writer:
                    writer.write(item.data)
                    pieces.setdefault(blob.id, []).append(writer.seal(item.digest, flush=False))
    record(arrival, pieces)


def _writer(blob: Blob, part: int) -> PartWriter:
    if part == 0 and blob.size <= blob.part_size:
        return blobs.small_writer(blob)
    try:
        return blobs.writer(blob, part)
    except BlobMissing:
        os.close(_open(blob))
        return blobs.writer(blob, part)


def record(arrival: Arrival, pieces: dict[UUID, list[Piece]]) -> None:
    """Record parts as safely here. Raises Refusal when the sender was overtaken."""
    with transaction.atomic():
        fences.progress(arrival)  # first: a sender that was overtaken while it sent records nothing
        many.record(pieces)


def blobs_of(arrival: Arrival, files: Sequence[int]) -> dict[int, Blob]:
    """Return the blobs of these files. Raises Refusal when the package has no such file."""
    found = ArrivalFile.objects.filter(arrival=arrival, number__in=files).select_related("blob")
    known = {file.number: file.blob for file in found}
    for file in files:
        if file not in known:
            raise Refusal(409, f"The package has no file {file}, or its manifest is not here yet.")
    return known


def _length(blob: Blob, number: int) -> int:
    """Return the bytes of a part. Raises Refusal for one that the file does not have."""
    try:
        return parts.span(number, blob.size, blob.part_size)[1]
    except ValueError as error:
        raise Refusal(422, str(error)) from error


def _damaged(number: int) -> Refusal:
    return Refusal(422, f"Part {number} arrived damaged. It is sent again.", Kind.TEMPORARY, "digest")


def lock_part(blob: Blob, number: int, start: int = 0, length: int | None = None, patience: float = 0.0) -> int:
    """Keep others, in whatever process, from writing this part, or this much of it, until the descriptor is closed.

    Otherwise a connection that was thought dead could wake up and write into a part that has been verified since.
    Raises Refusal when somebody else still has it after `patience` seconds.
    """
    offset, whole = parts.span(number, blob.size, blob.part_size)
    opened = _open(blob)
    try:
        locks.hold(opened, offset + start, whole if length is None else length, patience)
    except PartBusy as error:
        os.close(opened)
        raise Refusal(423, f"Another connection is still sending part {number}.", Kind.TEMPORARY, "locked") from error
    except BaseException:
        os.close(opened)
        raise
    return opened


def _open(blob: Blob) -> int:
    try:
        return blobs.local().open(blob.id, write=True)
    except BlobMissing:
        many.forget_parts(blob)  # the store has lost the file: all of it must come again
        return blobs.local().open(blob.id, write=True)
