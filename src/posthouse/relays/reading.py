"""Reading a package's bytes for a relay, and finding out whether a part that was refused is damaged on this disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock

from posthouse.packages import names
from posthouse.packages.models import File, Package
from posthouse.relays.wire import Gap
from posthouse.store import blobs, digests, parts
from posthouse.store.errors import BlobDamaged
from posthouse.store.models import Blob, Part

REMEMBERED = 256
"""Reads that are looked at again when the far side refuses a digest: more than can be under way at once."""


class Reading:
    """Yields bytes of a package's blobs, by number. May be used from many threads."""

    def __init__(self, package: Package, known: Mapping[int, Blob]) -> None:
        """`known` are the blobs of the package by the numbers that its manifest gives them."""
        self._package = package
        self._blobs = known
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=REMEMBERED)
        self._lock = Lock()

    def __call__(self, number: int, offset: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of a blob from an offset on. Raises StoreError."""
        with self._lock:
            self._recent.append((number, offset, length))
        return blobs.read(self._blobs[number], offset, length)

    def verify(self) -> None:
        """Compare what was read last with the digests on record.

        Raises BlobDamaged, which names the file, when it is not what was written: then the line is not to blame.
        """
        with self._lock:
            recent = sorted(set(self._recent))
        looked: set[tuple[int, int]] = set()
        for number, offset, length in recent:
            blob = self._blobs[number]
            for part in range(offset // blob.part_size, max(offset + length - 1, offset) // blob.part_size + 1):
                if (number, part) not in looked:
                    looked.add((number, part))
                    self._verify(number, blob, part)

    def verify_parts(self, gaps: Iterable[Gap]) -> None:
        """Compare whole parts with the digests on record. Raises BlobDamaged as `verify` does."""
        for gap in gaps:
            for part in range(gap.first, gap.last + 1):
                self._verify(gap.file, self._blobs[gap.file], part)

    def _verify(self, number: int, blob: Blob, part: int) -> None:
        hasher = digests.new(blob.algorithm)
        for data in blobs.read(blob, *parts.span(part, blob.size, blob.part_size)):
            hasher.update(data)
        known = Part.objects.get(blob=blob, number=part).digest
        if hasher.digest() != bytes(known):
            of = File.objects.filter(package=self._package)
            file = of.filter(number=number).first() or of.filter(blob=blob).order_by("number").first()
            raise BlobDamaged(names.shown(str(file)), part, blobs.local().path(blob.id))
