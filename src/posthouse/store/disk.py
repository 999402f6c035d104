"""Bytes on a local disk: one file per blob, written in place, so that nothing ever needs twice its room.

Durable means: the file's data is synced, and the folder entries that lead to it were synced before anybody was told
of the file. S3 knows no in-place writes; a store there would keep parts instead, which is why callers name parts.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from posthouse.store.errors import StoreBroken, StoreMissing, in_words

# More would be refused by writev (IOV_MAX).
PIECES = 1024
# What is left free by new files, where it is less than a fiftieth of the disk. SQLite and the logs often lie there,
# too, and a server whose database cannot grow does nothing any more.
RESERVE = 1024**3
RESERVE_SHARE = 50
FOLDERS = 256
# What file systems without O_DIRECT answer, when a file is opened or later; EINVAL also for an alignment they refuse.
NO_DIRECT = {errno.EINVAL, errno.EOPNOTSUPP}

_libc = ctypes.CDLL(None, use_errno=True)


class Disk:
    """A folder of files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, blob: UUID) -> Path:
        """Return where a blob lies: in one of 256 folders, named by its last byte, for the first is the time's."""
        name = str(blob)
        return self.root / name[-2:] / name

    def create(self, blob: UUID) -> None:
        """Make an empty file that outlives a power cut. Raises StoreError."""
        path = self.path(blob)
        with in_words(absent=StoreMissing):
            # Never the root itself: it may be a disk that is not mounted, and its place must not be filled up.
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            # Both, each time: whoever made the folder may have died before it was synced, and a clean one costs little.
            for folder in (path.parent, self.root):
                _sync_folder(folder)

    def open(self, blob: UUID, *, write: bool = False) -> int:
        """Return a descriptor of the blob's file, to be closed by the caller. Raises StoreError."""
        with in_words():
            return os.open(self.path(blob), (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)

    def open_direct(self, blob: UUID) -> int | None:
        """Return a descriptor for writing past the page cache; None where the file system has no such thing.

        Raises StoreError.
        """
        try:
            with in_words():
                return os.open(self.path(blob), os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        except StoreBroken as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_DIRECT:
                return None
            raise

    def open_new(self, blob: UUID) -> int:
        """Return a descriptor for writing, of a file that is made now if it is not there. Raises StoreError.

        Whoever calls it sees to it that the folder is synced (`synced`) before anything is recorded.
        """
        path = self.path(blob)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        with in_words(absent=StoreMissing):
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileNotFoundError:
                path.parent.mkdir(mode=0o700, exist_ok=True)
                descriptor = os.open(path, flags, 0o600)
        if _is_alone(descriptor, path):
            return descriptor
        os.close(descriptor)
        return self.open_alone(blob)

    def open_alone(self, blob: UUID) -> int:
        """Return a descriptor for writing, of a file that is this blob's only. Raises StoreError.

        A server that died while it linked bytes to a blob has recorded nothing of them: the blob gets an empty file
        again, for what is written now must not go into another one's. Of several at once, one makes it for all:
        what is written to a file that is replaced would be lost.
        """
        path = self.path(blob)
        name = path.with_name(f"{path.name}.new")
        while True:
            descriptor = self.open(blob, write=True)
            if _is_alone(descriptor, path):
                return descriptor
            with closing(descriptor), in_words():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    name.unlink(missing_ok=True)
                    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
                    name.replace(path)
                    _sync_folder(path.parent)

    def length(self, blob: UUID) -> int:
        """Return the bytes that the file reaches to; some before its end may never have been written."""
        with in_words():
            return self.path(blob).stat().st_size

    def remove(self, blob: UUID) -> None:
        """Remove the file, if it is there."""
        with in_words(), suppress(FileNotFoundError):
            self.path(blob).unlink()

    def link(self, blob: UUID, also: UUID) -> None:
        """Let another blob, whose file is still empty, be the same bytes, which are never written to again.

        Raises StoreError.
        """
        path = self.path(also)
        name = path.with_name(f"{path.name}.link")
        with in_words():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            name.unlink(missing_ok=True)
            name.hardlink_to(self.path(blob))
            name.replace(path)
            for folder in (path.parent, self.root):
                _sync_folder(folder)

    def files(self, folder: int) -> Iterator[tuple[UUID, os.stat_result]]:
        """Yield the blobs that lie in one of the folders (from 0 to FOLDERS - 1), with what is known of their files.

        Raises StoreError.
        """
        with in_words(), suppress(FileNotFoundError), os.scandir(self.root / f"{folder:02x}") as entries:
            for entry in entries:
                with suppress(ValueError, FileNotFoundError):  # not one of ours, or it has gone meanwhile
                    yield UUID(entry.name), entry.stat(follow_symlinks=False)

    def free(self) -> int:
        """Return the bytes that may still be promised: the last ones are kept for what shares the disk."""
        with in_words(absent=StoreMissing):
            room = os.statvfs(self.root)
        reserve = min(RESERVE, room.f_blocks * room.f_frsize // RESERVE_SHARE)
        return max(0, room.f_bavail * room.f_frsize - reserve)


def write_at(descriptor: int, pieces: Sequence[bytes], offset: int) -> None:
    """Write all pieces, one after another, from an offset on. Raises StoreError when a byte cannot be written."""
    pending: list[bytes | memoryview] = [piece for piece in pieces if piece]
    with in_words():
        while pending:
            written = os.pwritev(descriptor, pending[:PIECES], offset)
            offset += written
            while pending and written >= len(pending[0]):
                written -= len(pending.pop(0))
            if written:
                pending[0] = memoryview(pending[0])[written:]


def read_at(descriptor: int, offset: int, length: int, step: int) -> Iterator[bytes]:
    """Yield `length` bytes from an offset on, up to `step` at a time; fewer if the file ends. Raises StoreError."""
    end = offset + length
    while offset < end:
        with in_words():
            data = os.pread(descriptor, min(step, end - offset), offset)
        if not data:
            return
        offset += len(data)
        yield data


def sync(descriptor: int) -> None:
    """Put the file's data, and what is needed to read it back, safely onto the disk. Raises StoreError."""
    with in_words():
        os.fdatasync(descriptor)


@contextmanager
def synced(folder: Path) -> Iterator[None]:
    """Put all that is written inside safely onto the disk at its end, with one wait for all. Raises StoreError.

    For many small files: a sync of each would take longer than everything else. It is syncfs(2), which syncs whatever
    else was written to the same file system too, and tells of writes that failed since this began (Linux 5.8).
    """
    with in_words(absent=StoreMissing):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with closing(descriptor):
        yield
        with in_words():
            if _libc.syncfs(descriptor):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close the descriptor at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_alone(descriptor: int, path: Path) -> bool:
    """Whether an open file has this name and no other. It may have lost the name since it was opened by it."""
    opened = os.fstat(descriptor)
    with suppress(FileNotFoundError):
        return opened.st_nlink == 1 and os.path.samestat(opened, path.stat())
    return False


def _sync_folder(folder: Path) -> None:
    with closing(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
        os.fsync(descriptor)
