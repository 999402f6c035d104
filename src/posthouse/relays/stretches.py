"""What is still to be sent, cut into what one call carries. Pure.

A part goes as a whole, or as several stretches: runs of its bytes, so that a slow line has something safely there soon,
and so that no stream is left with a large part at the end, when the others have nothing to do any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from posthouse.packages.manifest import Manifest
from posthouse.packages.manifest_files import ManifestBlob
from posthouse.relays import wire
from posthouse.relays.wire import Begun, Gap
from posthouse.store import parts


class OutOfBounds(ValueError):
    """The far side asks for what the package does not have; the message says what."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of one part: `start` counts from the part's first byte."""

    file: ManifestBlob
    part: int
    start: int
    length: int
    whole: bool
    """Whether it is all of the part."""

    @property
    def offset(self) -> int:
        """Where it begins in the file."""
        return self.part * self.file.part_size + self.start


class Stretches:
    """All that is missing, in order. Taken from one thread."""

    def __init__(self, manifest: Manifest, missing: Sequence[Gap], begun: Sequence[Begun] = ()) -> None:
        """Raise OutOfBounds for what the manifest does not have."""
        self._files = {blob.number: blob for blob in manifest.blobs}
        self._begun: Mapping[tuple[int, int], Sequence[tuple[int, int]]] = {
            (one.file, one.part): one.there for one in begun
        }
        for gap in missing:
            self._check(gap)
        there = {(gap.file, number) for gap in missing for number in _numbers_in(gap, self._begun)}
        self.left = sum(self._size(gap) for gap in missing) - sum(
            end - start for key in there for start, end in self._begun[key]
        )
        """Bytes that were not taken yet."""
        self._holes = self._iterate(missing)
        self._rest: Stretch | None = None
        self._bundle: list[Stretch] = []
        self._bundle_bytes = 0

    def take(self, most: int) -> list[Stretch]:
        """Return what the next call carries: small parts together, or about `most` bytes of a large one; [] at the end.

        Small parts are never cut, and go with others up to what a bundle holds.
        """
        load = self._next(most)
        self.left -= sum(stretch.length for stretch in load)
        return load

    def _next(self, most: int) -> list[Stretch]:
        bundle_most = min(wire.BUNDLE_BYTES, max(most, wire.SMALL))
        while True:
            hole, self._rest = self._rest or next(self._holes, None), None
            if hole is None:
                return self._swap([])
            if hole.length <= wire.SMALL and hole.whole:
                if len(self._bundle) < wire.BUNDLE_PARTS and self._bundle_bytes + hole.length <= bundle_most:
                    self._bundle.append(hole)
                    self._bundle_bytes += hole.length
                    continue
                return self._swap([hole])
            if hole.length >= 2 * most:
                self._rest = Stretch(hole.file, hole.part, hole.start + most, hole.length - most, whole=False)
                hole = Stretch(hole.file, hole.part, hole.start, most, whole=False)
            return [hole]

    def _swap(self, begin: list[Stretch]) -> list[Stretch]:
        bundle, self._bundle = self._bundle, begin
        self._bundle_bytes = sum(stretch.length for stretch in begin)
        return bundle

    def _iterate(self, missing: Sequence[Gap]) -> Iterator[Stretch]:
        for gap in missing:
            file = self._files[gap.file]
            for number in range(gap.first, gap.last + 1):
                _, length = parts.span(number, file.size, file.part_size)
                at = 0
                for start, end in self._begun.get((gap.file, number), ()):
                    if start > at:
                        yield Stretch(file, number, at, start - at, whole=False)
                    at = end
                if at < length:
                    yield Stretch(file, number, at, length - at, whole=at == 0)

    def _check(self, gap: Gap) -> None:
        file = self._files.get(gap.file)
        if file is None:
            raise OutOfBounds("The other server asks for a file that the package does not have.")
        if not 0 <= gap.first <= gap.last < len(file.parts):
            raise OutOfBounds("The other server asks for a part that a file does not have.")
        for number in _numbers_in(gap, self._begun):
            at, (_, length) = 0, parts.span(number, file.size, file.part_size)
            for start, end in self._begun[gap.file, number]:
                if not at <= start < end <= length:
                    raise OutOfBounds("The other server has bytes of a part that the part does not have.")
                at = end

    def _size(self, gap: Gap) -> int:
        file = self._files[gap.file]
        offset, length = parts.span(gap.last, file.size, file.part_size)
        return offset + length - gap.first * file.part_size


def _numbers_in(gap: Gap, begun: Mapping[tuple[int, int], object]) -> list[int]:
    return [part for file, part in begun if file == gap.file and gap.first <= part <= gap.last]
