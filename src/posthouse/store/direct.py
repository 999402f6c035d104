"""Writing past the kernel's page cache, for bytes that come in bulk and are not looked at again soon.

Through the cache each byte is copied once more, into memory that the kernel must find first: where that was given back
to the host of a virtual machine, it costs more than all the rest of receiving. And a film that arrives does not push
out of the cache what the server works with. File systems without O_DIRECT get what comes the usual way.
"""

from __future__ import annotations

import mmap
import os
from collections import deque
from collections.abc import Sequence

from posthouse.store import disk
from posthouse.store.errors import in_words

ALIGNED = 4096
"""Direct writes begin and end at multiples of this: no disk has larger sectors."""
BUFFER = 1024 * 1024
KEPT = 32
"""Buffers that are kept for the next writers: the first touch of new memory is slow."""

_free: deque[mmap.mmap] = deque(maxlen=KEPT)


class Direct:
    """Gathers what comes in an aligned buffer, and writes that. For one thread; `close` it in any case."""

    def __init__(self, direct: int, usual: int, offset: int) -> None:
        """Own `direct`, opened with O_DIRECT; `usual` is another descriptor of the file. Begin at `offset`."""
        self._direct: int | None = direct
        self._usual = usual
        self._offset = offset
        self._held = 0
        self._over = False
        try:
            self._buffer = _free.pop()
        except IndexError:
            self._buffer = mmap.mmap(-1, BUFFER)

    def write(self, pieces: Sequence[bytes]) -> None:
        """Take the next bytes; up to BUFFER of them wait for more. Raises StoreError."""
        for piece in pieces:
            view = memoryview(piece)
            while view:
                taken = view[: BUFFER - self._held]
                self._buffer[self._held : self._held + len(taken)] = taken
                self._held += len(taken)
                view = view[len(taken) :]
                if self._held == BUFFER:
                    self._drain(BUFFER)

    def flush(self) -> None:
        """Write what waits; nothing more may be written afterwards. Raises StoreError."""
        self._drain(self._held // ALIGNED * ALIGNED)
        if self._held:
            disk.write_at(self._usual, [self._buffer[: self._held]], self._offset)
            self._held = 0
        self._over = True

    def close(self) -> None:
        """Stop, and let others have the buffer: if all was written, for only then nobody can still be at it."""
        if self._direct is not None:
            os.close(self._direct)
            self._direct = None
            if self._over:
                _free.append(self._buffer)

    def _drain(self, size: int) -> None:
        """Write the first bytes of the buffer, and move what is behind them to its beginning."""
        done = 0
        with memoryview(self._buffer) as whole, in_words():
            while done < size:
                with whole[done:size] as rest:
                    done += self._put(rest, self._offset + done)
        self._offset += size
        self._buffer[: self._held - size] = self._buffer[size : self._held]
        self._held -= size

    def _put(self, data: memoryview, offset: int) -> int:
        assert self._direct is not None  # noqa: S101 - the writer is open
        try:
            return os.pwrite(self._direct, data, offset)
        except OSError as error:
            if error.errno not in disk.NO_DIRECT:
                raise
            return os.pwrite(self._usual, data, offset)  # it wants another alignment, or has no direct writes at all
