"""Reading a package's bytes for a relay, and finding out whether a part that was refused is damaged on this disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from uuid import UUID

from posthouse.packages import names
from posthouse.packages.models import File, Package
from posthouse.relays.wire import Gap
from posthouse.store import blobs, digests, parts
from posthouse.store.errors import BlobDamaged
from posthouse.store.models import Blob, Part

REMEMBERED = 256
"""Reads that are looked at again when the far side refuses a digest: more than can be under way at once."""


class Reading:
    """Yields bytes of a package's files, by number. May be used from many threads."""

    def __init__(self, package: Package, known: Mapping[int, Blob] | None = None) -> None:
        """`known` are the blobs of the files, by number, while the package is still being uploaded."""
        known = known or {}
        fields = ("number", "path", "blob_id", "blob__size", "blob__part_size", "blob__algorithm")
        self._paths: dict[int, str] = {}
        self._blobs: dict[int, tuple[UUID, int, int, str]] = {}
        for number, path, *blob in File.objects.filter(package=package).values_list(*fields).iterator():
            self._paths[number] = path
            one = known.get(number)
            # Not a model's instance for each: there may be tens of thousands.
            self._blobs[number] = (one.pk, one.size, one.part_size, one.algorithm) if one else tuple(blob)
        self._recent: deque[tuple[int, int, int]] = deque(maxlen=REMEMBERED)
        self._lock = Lock()

    def __call__(self, number: int, offset: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of a file from an offset on. Raises StoreError."""
        with self._lock:
            self._recent.append((number, offset, length))
        return blobs.read(self._blob(number), offset, length)

    def verify(self) -> None:
        """Compare what was read last with the digests on record.

        Raises BlobDamaged, which names the file, when it is not what was written: then the line is not to blame.
        """
        with self._lock:
            recent = sorted(set(self._recent))
        looked: set[tuple[int, int]] = set()
        for number, offset, length in recent:
            blob = self._blob(number)
            for part in range(offset // blob.part_size, max(offset + length - 1, offset) // blob.part_size + 1):
                if (number, part) not in looked:
                    looked.add((number, part))
                    self._verify(number, blob, part)

    def verify_parts(self, gaps: Iterable[Gap]) -> None:
        """Compare whole parts with the digests on record. Raises BlobDamaged as `verify` does."""
        for gap in gaps:
            for part in range(gap.first, gap.last + 1):
                self._verify(gap.file, self._blob(gap.file), part)

    def _verify(self, number: int, blob: Blob, part: int) -> None:
        hasher = digests.new(blob.algorithm)
        for data in blobs.read(blob, *parts.span(part, blob.size, blob.part_size)):
            hasher.update(data)
        known = Part.objects.get(blob=blob, number=part).digest
        if hasher.digest() != bytes(known):
            raise BlobDamaged(names.shown(self._paths[number]), part, blobs.local().path(blob.id))

    def _blob(self, number: int) -> Blob:
        pk, size, part_size, algorithm = self._blobs[number]
        return Blob(id=pk, size=size, part_size=part_size, algorithm=algorithm)
