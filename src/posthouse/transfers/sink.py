"""Where an upload's bytes go: from any offset on, through one part's writer after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from posthouse.store import blobs
from posthouse.store.models import Blob
from posthouse.store.records import Piece
from posthouse.store.writers import PartWriter


class Sink:
    """Takes the bytes of a blob in order. It blocks; one thread may `write` while another one does `settle`."""

    def __init__(self, blob: Blob, offset: int) -> None:
        """Go on at `offset`; what lies before it in the same part is read back for the part's digest."""
        self.blob = blob
        self.position = self.durable = offset
        self._full: deque[PartWriter] = deque()
        self._current: PartWriter | None = None
        self._sealed: list[Piece] = []
        number, at = divmod(offset, blob.part_size)
        if at and offset < blob.size:
            self._current = blobs.writer(blob, number, at, alone=True)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Digest and write the next bytes, no more than the file has. Raises StoreError."""
        batch: list[bytes] = []
        writer = self._writer()
        room = writer.length - writer.written
        for piece in pieces:
            rest = piece
            while len(rest) >= room:
                self._put(writer, [*batch, rest[:room]])
                batch, rest = [], rest[room:]
                if self.position == self.blob.size:
                    return
                writer = self._writer()
                room = writer.length
            if rest:
                batch.append(rest)
                room -= len(rest)
        self._put(writer, batch)

    @property
    def part_is_full(self) -> bool:
        """Whether a part waits to be settled."""
        return bool(self._full)

    def settle(self) -> tuple[int, list[Piece]]:
        """Make durable what was written.

        Return up to which offset everything is, and the parts that became whole since the last `recorded`.
        Raises StoreError.
        """
        current = self._current  # before the full ones are looked at: all parts before it are among those
        durable = self.durable
        while self._full:
            writer = self._full[0]
            self._sealed.append(writer.seal())
            durable = writer.number * self.blob.part_size + writer.length
            self._full.popleft()
        if current and current.number * self.blob.part_size + current.length > durable:
            durable = max(durable, current.number * self.blob.part_size + current.flush())
        self.durable = durable
        return durable, list(self._sealed)

    def recorded(self, pieces: Sequence[Piece]) -> None:
        """Forget parts that `settle` returned and that are on record now."""
        del self._sealed[: len(pieces)]

    def close(self) -> None:
        """Stop. What was not settled is not counted on."""
        for writer in [*self._full, *([self._current] if self._current else [])]:
            writer.close()

    def _writer(self) -> PartWriter:
        if self._current is None:
            self._current = blobs.writer(self.blob, self.position // self.blob.part_size, alone=True)
        return self._current

    def _put(self, writer: PartWriter, pieces: Sequence[bytes]) -> None:
        writer.write(*pieces)
        self.position += sum(map(len, pieces))
        if writer.full:
            # In this order: whoever settles in between finds the part in one of the two places, or in both.
            self._full.append(writer)
            self._current = None
