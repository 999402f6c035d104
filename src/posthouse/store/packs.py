"""Small files that come whole: one behind the other in one blob, a pack.

A file on the disk, a sync of its folder and a few rows for each would cost more than its bytes, here and again at every
server that it is relayed to; a pack costs once what a large file costs. Each process has packs of its own, one for each
owner that it works for, so that nobody else writes there. How much of a pack counts is settled when it is sealed: until
then it is arriving, and only whoever put something into it knows where that is. What was put there in vain stays as a
gap.
"""

from __future__ import annotations

import os
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from posthouse.lib import bundles, rows
from posthouse.lib.ids import uuid7
from posthouse.store import blobs, crc, digests, disk, many, parts
from posthouse.store.blobs import STEP
from posthouse.store.errors import BlobMissing, StoreError, StoreFull
from posthouse.store.models import Blob
from posthouse.store.records import Piece

MOST = bundles.EACH
"""Bytes of a file in a pack: up to here nothing is lost that matters when a line is cut and all must come again."""
TOGETHER = bundles.BYTES
"""Bytes of all files that are put there at once."""
IDLE_SECONDS = 600.0
"""A pack into which nothing came for so long takes nothing more."""
OPEN = 64
"""Packs that a process keeps open."""


class Spot(NamedTuple):
    """Where a small file is: from `start` on in a blob."""

    pack: Pack
    start: int
    digest: bytes
    """As that of a blob: the digest of its only part's digest."""
    crc32: int


class Span(NamedTuple):
    """What is known of a file in a pack, sizes in bytes."""

    start: int
    size: int
    digest: bytes


class Pack:
    """One that this process puts small files into. Used from many threads."""

    def __init__(self) -> None:
        """Make its file. Raises StoreError."""
        self.id = uuid7()
        self.algorithm: str = settings.POSTHOUSE.digest
        self.recorded = False
        """Whether its row is there, for certain."""
        blobs.local().create(self.id)
        self._descriptor = blobs.local().open(self.id, write=True)
        self._lock = Lock()
        self._end = self._busy = 0
        self._ended = False
        self._used = time.monotonic()

    def reserve(self, size: int) -> int | None:
        """Return where so many bytes may be put, until `let_go`; None when the pack takes no more."""
        with self._lock:
            if self._ended or time.monotonic() - self._used > IDLE_SECONDS:
                return None
            self._used = time.monotonic()
            self._busy += 1
            start, self._end = self._end, self._end + size
            # While more is sure to fit, so that whoever is in it last finds it over, and seals it.
            self._ended = self._end + TOGETHER > parts.PART
            return start

    def put(self, files: Sequence[bytes], start: int) -> list[Spot]:
        """Write files where they were promised room, safely onto the disk. Raises StoreError."""
        disk.write_at(self._descriptor, files, start)
        disk.sync(self._descriptor)
        spots = []
        for data in files:
            spots.append(Spot(self, start, _digest(self.algorithm, [data]), zlib.crc32(data)))
            start += len(data)
        return spots

    def let_go(self) -> None:
        """End what `reserve` began."""
        with self._lock:
            self._busy -= 1
            self._close_if_over()

    def end(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._ended = True
            self._close_if_over()

    @property
    def over(self) -> bool:
        """Whether nothing comes any more: it can be sealed."""
        with self._lock:
            return self._ended and not self._busy

    def _close_if_over(self) -> None:
        if self._ended and not self._busy and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_open: OrderedDict[UUID, Pack] = OrderedDict()
_opening = Lock()


@contextmanager
def room(owner: UUID, files: Sequence[bytes]) -> Iterator[list[Spot]]:
    """Put small files into one pack of this owner's, safely on the disk, and yield where; inside, it is `record`ed.

    Whoever finds the pack over afterwards seals it. Raises StoreFull, StoreError, and ValueError for no files, one
    without bytes, or too many bytes.
    """
    size = sum(map(len, files))
    if not (files and size <= TOGETHER and all(0 < len(data) <= MOST for data in files)):
        raise ValueError(f"{len(files)} files of {size} bytes are no small files.")
    if size > (left := blobs.free()):
        what = "this file" if len(files) == 1 else f"these {len(files)} files"
        raise StoreFull(
            f"The store has no room for {what} of {size} bytes: {left} bytes are free. "
            "More can come once an administrator has made room."
        )
    pack, start = _reserve(owner, size)
    try:
        yield pack.put(files, start)
    except StoreError:
        pack.end()  # who knows what its disk does with the next one
        raise
    finally:
        pack.let_go()


def record(pack: Pack) -> None:
    """See to the pack's row, so that files can refer to it. Call it in the transaction that does."""
    if not pack.recorded:
        row = (pack.id, Blob.State.ARRIVING, 0, parts.PART, pack.algorithm, b"", 0, timezone.now())
        names = ("id", "state", "size", "part_size", "algorithm", "digest", "crc32", "created_at")
        rows.insert(Blob, names, [row], ignore_conflicts=True)
        transaction.on_commit(partial(setattr, pack, "recorded", True))


def seal(blob_id: UUID, spans: Iterable[Span]) -> None:
    """Complete a pack whose files these are, once each is found to be what came. Doing it again is harmless.

    So is doing it to a pack that has gone meanwhile.

    Raises BlobMissing when a file is not what came, and StoreError.
    """
    blob = Blob.objects.filter(pk=blob_id, state=Blob.State.ARRIVING).first()
    if blob is None:
        return
    used = list(spans)
    size = max(span.start + span.size for span in used)
    with disk.closing(blobs.local().open(blob_id)) as descriptor:
        for span in used:
            if _digest(blob.algorithm, disk.read_at(descriptor, span.start, span.size, STEP)) != span.digest:
                raise BlobMissing(
                    "The store lost bytes of a small file that it had acknowledged. Send the package again."
                )
        numbers = range(parts.part_count(size, blob.part_size))
        places = enumerate(parts.span(number, size, blob.part_size) for number in numbers)
        pieces = [
            _piece(blob.algorithm, number, length, disk.read_at(descriptor, offset, length, STEP))
            for number, (offset, length) in places
        ]
    with transaction.atomic():
        many.record({blob_id: pieces})
        Blob.objects.filter(pk=blob_id, state=Blob.State.ARRIVING).update(
            state=Blob.State.COMPLETE,
            size=size,
            digest=digests.of_parts(blob.algorithm, [piece.digest for piece in pieces]),
            crc32=crc.of_parts((piece.crc32, piece.size) for piece in pieces),
        )


def _digest(algorithm: str, data: Iterable[bytes]) -> bytes:
    """Return the digest of a file of one part."""
    hasher = digests.new(algorithm)
    for piece in data:
        hasher.update(piece)
    return digests.of_parts(algorithm, [hasher.digest()])


def _piece(algorithm: str, number: int, size: int, data: Iterable[bytes]) -> Piece:
    hasher = digests.new(algorithm)
    crc32 = 0
    for piece in data:
        hasher.update(piece)
        crc32 = zlib.crc32(piece, crc32)
    return Piece(number, size, hasher.digest(), crc32)


def _reserve(owner: UUID, size: int) -> tuple[Pack, int]:
    with _opening:
        pack = _open.pop(owner, None)
        start = pack.reserve(size) if pack else None
        if pack and start is None:
            pack.end()
        if pack is None or start is None:
            pack = Pack()
            start = pack.reserve(size) or 0
        _open[owner] = pack
        if len(_open) > OPEN:
            _open.popitem(last=False)[1].end()
    return pack, start
