"""Writing one part of a blob."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self
from uuid import UUID

from isal.isal_zlib import crc32  # that of zlib takes longer than the digest beside it

from posthouse.store import digests, disk, records
from posthouse.store.direct import Direct
from posthouse.store.errors import BlobMissing, DigestMismatch, StoreError
from posthouse.store.models import Part
from posthouse.store.records import Piece

STEP = 1024 * 1024


class PartWriter:
    """Takes the bytes of one part in order, digests them as they come and puts them where they belong.

    Made by `posthouse.store.blobs.writer`. It blocks: use it in a thread. One thread may write while another
    flushes, but not in bulk. After a failed write the part is still good up to `written`; after a failed flush, only up
    to the last one that succeeded, and the writer has ended. In bulk a failed write ends it, too, with nothing good.
    """

    def __init__(
        self,
        descriptor: int,
        blob: UUID,
        *,
        number: int,
        offset: int,
        length: int,
        algorithm: str,
        at: int = 0,
        direct: int | None = None,
    ) -> None:
        """Own `descriptor` from now on. `at` bytes of the part are there already and are read back for the digest.

        With `direct`, another descriptor of the file, bytes go past the page cache until the first flush.
        """
        self.blob = blob
        self.number = number
        self.length = length
        self._offset = offset
        self._descriptor: int | None = descriptor
        self._direct = None if direct is None else Direct(direct, descriptor, offset + at)
        self._hasher = digests.new(algorithm)
        self._crc32 = 0
        self._failed = False
        self.written = 0
        for data in disk.read_at(descriptor, offset, at, STEP):
            self._take((data,))
        if self.written < at:
            raise BlobMissing(f"The store lost bytes of part {number} that it had acknowledged. Start the file again.")

    @property
    def full(self) -> bool:
        """Whether all bytes of the part have come."""
        return self.written == self.length

    def write(self, *pieces: bytes) -> None:
        """Digest and write the next bytes. Hand over a mebibyte or so at a time: each call costs.

        Raises StoreError, and ValueError for more bytes than the part has.
        """
        if self.written + sum(map(len, pieces)) > self.length:
            raise ValueError(f"More bytes than part {self.number} has.")
        descriptor = self._open()
        if self._direct is None:
            disk.write_at(descriptor, pieces, self._offset + self.written)
            self._take(pieces)
        else:
            # The digest first: they have just come, and after a wait for the disk the processor must fetch them anew.
            self._take(pieces)
            try:
                self._direct.write(pieces)
            except StoreError:
                self._failed = True  # they count as written, so nothing may be sealed any more
                raise

    def flush(self) -> int:
        """Make durable what was written and return how many bytes of this part are. Raises StoreError."""
        descriptor = self._open()
        written = self.written  # before the sync: another thread may be writing on
        try:
            self._flush_direct()
            disk.sync(descriptor)
        except StoreError:
            # The kernel reports such a loss once only: a second sync would succeed and mean nothing.
            self._failed = True
            raise
        return written

    def seal(self, expected: bytes | None = None, *, flush: bool = True) -> Piece:
        """Make the whole part durable, check its digest, close, and return what is to be recorded of it.

        Without `flush` somebody else sees to it that it is durable before it is recorded: see disk.synced.

        Raises DigestMismatch when the digest is not the expected one, ValueError when bytes are missing, StoreError.
        """
        if not self.full:
            raise ValueError(f"Part {self.number} has {self.written} of its {self.length} bytes.")
        digest = self._hasher.digest()
        if expected is not None and digest != expected:
            self.close()
            raise DigestMismatch(self.number)
        try:
            if flush:
                self.flush()
            else:
                self._flush_direct()
        finally:
            self.close()
        return Piece(self.number, self.length, digest, self._crc32)

    def finish(self, expected: bytes | None = None) -> Part:
        """Seal the part and record it. A part that is recorded already is left as it is.

        Raises what `seal` raises.
        """
        piece = self.seal(expected)
        records.record(self.blob, [piece])
        return Part.objects.get(blob=self.blob, number=self.number)

    def close(self) -> None:
        """Stop. What was not flushed may or may not be on the disk; nothing is recorded of it."""
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    abort = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush_direct(self) -> None:
        """Hand over what was gathered for direct writes; what comes afterwards goes the usual way."""
        if self._direct is not None:
            direct, self._direct = self._direct, None
            try:
                direct.flush()
            finally:
                direct.close()

    def _open(self) -> int:
        if self._descriptor is None or self._failed:
            raise ValueError(f"The writer of part {self.number} has ended.")
        return self._descriptor

    def _take(self, pieces: tuple[bytes, ...]) -> None:
        for piece in pieces:
            self._hasher.update(piece)
            self._crc32 = crc32(piece, self._crc32)
            self.written += len(piece)
