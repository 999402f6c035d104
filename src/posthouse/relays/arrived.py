"""Taking in some bytes of a part, where a part as a whole would take too long. It blocks; asgi.py calls it in threads.

Each stretch is verified by its own digest, written in place, and recorded when it is on the disk. Whoever brings the
last one of a part has the whole part read back and compared with its digest; only then is the part here.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.signatures import Caller
from posthouse.relays import fences, intake
from posthouse.relays.models import Arrival, ArrivedStretch
from posthouse.store import blobs, many, parts
from posthouse.store.errors import BlobMissing, DigestMismatch
from posthouse.store.models import Blob, Part
from posthouse.store.writers import PartWriter

LOCK_SECONDS = 1.0


class Place(NamedTuple):
    """Which bytes of which part."""

    file: int
    part: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """The first byte after them."""
        return self.start + self.length


class Known:
    """Takes bytes that are here already, and lets them go; only the part as a whole may still have to be looked at."""

    def __init__(self, arrival: Arrival, blob: Blob, part: int, digest: bytes) -> None:
        self._finish = (arrival, blob, part, digest)

    def write(self, *pieces: bytes) -> None:
        """Let bytes go."""

    def finish(self) -> None:
        """See to the part. Raises what StretchIntake.finish raises."""
        settle(*self._finish)

    def close(self) -> None:
        """Nothing is held."""


class StretchIntake:
    """Some bytes of a part on their way in. `close` it in any case."""

    def __init__(
        self, arrival: Arrival, blob: Blob, lock: int, writer: PartWriter, where: Place, expected: tuple[bytes, bytes]
    ) -> None:
        """`expected` are the digests of these bytes and of the part."""
        self.arrival = arrival
        self._blob = blob
        self._lock: int | None = lock
        self._writer = writer
        self._where = where
        self._expected = expected

    def write(self, *pieces: bytes) -> None:
        """Take the next bytes. Raises StoreError, and ValueError for more bytes than were announced."""
        self._writer.write(*pieces)

    def finish(self) -> None:
        """Record the bytes as safely here, and the part, if they were the last ones of it.

        Raises DigestMismatch, StoreError, ValueError when bytes are missing, Refusal when the sender was overtaken.
        """
        mine, whole = self._expected
        self._writer.seal(mine)
        where = self._where
        with transaction.atomic():
            fences.progress(self.arrival)  # first: it makes others wait, so that one of two last ones sees the other
            ArrivedStretch.objects.bulk_create(
                [ArrivedStretch(blob=self._blob, part=where.part, start=where.start, end=where.end)],
                ignore_conflicts=True,
            )
            complete = _covered(self._blob, where.part)
        self.close()
        if complete:
            settle(self.arrival, self._blob, where.part, whole)

    def close(self) -> None:
        """Stop, and let others write these bytes."""
        self._writer.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def begin(caller: Caller, relay: UUID, where: Place, digest: bytes) -> StretchIntake | Known | None:
    """Return what takes these bytes; None when the part is here already. `digest` is that of the part.

    Raises Refusal when they are not of the arrival's, and while another connection is sending some of them.
    """
    arrival = fences.enter(caller, relay)
    if arrival.state == Arrival.State.COMMITTED:
        return None
    blob = intake.blobs_of(arrival, [where.file])[where.file]
    if caller.algorithm != blob.algorithm:
        raise Refusal(422, f"The part must come with its {blob.algorithm} digest.")
    try:
        _, length = parts.span(where.part, blob.size, blob.part_size)
    except ValueError as error:
        raise Refusal(422, str(error)) from error
    if where.length < 1 or where.end > length:
        raise Refusal(422, f"Part {where.part} of file {where.file} has {length} bytes.")
    lock = _lock(blob, where.part, where.start, where.length)
    try:
        # After the lock, so that it stays true: bytes that are recorded are never written to again.
        taker = _taker(arrival, blob, lock, where, (caller.digest, digest))
    except BaseException:
        os.close(lock)
        raise
    if not isinstance(taker, StretchIntake):
        os.close(lock)
    return taker


def settle(arrival: Arrival, blob: Blob, part: int, digest: bytes) -> None:
    """Record a part of which all bytes are here, once the whole is what it shall be; else have all of it come again.

    Raises DigestMismatch, StoreError, and Refusal when the sender was overtaken or somebody else is at it.
    """
    if Part.objects.filter(blob=blob, number=part).exists() or not _covered(blob, part):
        return
    lock = _lock(blob, part)
    there = ArrivedStretch.objects.filter(blob=blob, part=part)
    try:
        if Part.objects.filter(blob=blob, number=part).exists():
            return
        _, length = parts.span(part, blob.size, blob.part_size)
        with blobs.writer(blob, part, at=length) as whole:  # it reads back what is there
            piece = whole.seal(digest)
        with transaction.atomic():
            fences.progress(arrival)
            many.record({blob.id: [piece]})
            there.delete()
    except (DigestMismatch, BlobMissing):
        there.delete()
        raise
    finally:
        os.close(lock)


def _lock(blob: Blob, part: int, start: int = 0, length: int | None = None) -> int:
    """Lock these bytes, and wait a little for whoever is looking at the whole part: that takes milliseconds."""
    return intake.lock_part(blob, part, start, length, LOCK_SECONDS)


def _taker(
    arrival: Arrival, blob: Blob, lock: int, where: Place, expected: tuple[bytes, bytes]
) -> StretchIntake | Known | None:
    if Part.objects.filter(blob=blob, number=where.part).exists():
        return None
    for start, end in _recorded(blob, where.part):
        if start <= where.start and where.end <= end:
            return Known(arrival, blob, where.part, expected[1])
        if start < where.end and where.start < end:
            raise Refusal(409, "Some of these bytes are here already. The offer says which.", Kind.TEMPORARY, "overlap")
    writer = blobs.stretch_writer(blob, where.part, where.start, where.length)
    return StretchIntake(arrival, blob, lock, writer, where, expected)


def _recorded(blob: Blob, part: int) -> list[tuple[int, int]]:
    """Return what is here of a part, neighbours joined."""
    joined: list[tuple[int, int]] = []
    rows = ArrivedStretch.objects.filter(blob=blob, part=part).order_by("start").values_list("start", "end")
    for start, end in rows:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _covered(blob: Blob, part: int) -> bool:
    _, length = parts.span(part, blob.size, blob.part_size)
    return _recorded(blob, part) == [(0, length)]
