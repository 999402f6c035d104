"""The worker processes of this node: a name for each, proof that it lives, and a way to wake it.

A worker keeps an exclusive lock on a file in data_dir/run. The kernel lets go of it when the process ends, however it
ends, and also when the machine does: a file that can be locked is proof that its worker is dead, in whatever container
or since whatever boot it ran. A worker without a file here may live on another node; its leases simply run out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from django.conf import settings

LOCK = ".lock"
SOCKET = ".sock"


def folder() -> Path:
    """Return the folder in which the workers of this node show themselves."""
    return Path(settings.POSTHOUSE.data_dir) / "run"


class Presence:
    """One living worker: a locked file, and a datagram socket beside it. A context manager."""

    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        # Locked under a name that nobody looks at, then renamed: it is never seen unlocked while it lives.
        passing = folder() / f"{self.holder}.new"
        self._lock = os.open(passing, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        passing.rename(folder() / f"{self.holder}{LOCK}")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with _short(folder()) as short:
            self._socket.bind(f"{short}/{self.holder}{SOCKET}")

    def __enter__(self) -> Presence:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, seconds: float) -> bool:
        """Wait until somebody wakes this worker, at most so long; return whether somebody did."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(16)
            self._socket.setblocking(False)
            while True:  # ten wakes in a row are one
                self._socket.recv(16)
        except BlockingIOError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        """Leave: the files go, and the lock with them."""
        (folder() / f"{self.holder}{SOCKET}").unlink(missing_ok=True)
        self._socket.close()
        (folder() / f"{self.holder}{LOCK}").unlink(missing_ok=True)
        os.close(self._lock)


def wake() -> None:
    """Tell all workers of this node that there is something to do. Call it when that is committed.

    Never fails and never waits: who misses a call looks for itself within a second.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
        caller.setblocking(False)
        for path in folder().glob(f"*{SOCKET}"):
            try:
                with _short(path.parent) as short:
                    caller.sendto(b"", f"{short}/{path.name}")
            except BlockingIOError:
                continue  # it has unread calls: it will wake
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    with suppress(OSError):  # on a disk that turned read-only it stays
                        path.unlink(missing_ok=True)  # nobody listens: its worker has died


def bury(take_back: Callable[[str], object]) -> list[str]:
    """Call `take_back` with the name of each worker of this node that has died, then forget it; return the names."""
    dead = []
    for path in folder().glob(f"*{LOCK}"):
        holder = path.name.removesuffix(LOCK)
        if _is_dead(path):
            take_back(holder)  # first: whoever fails here leaves the file for the next one to try
            (folder() / f"{holder}{SOCKET}").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            dead.append(holder)
    return dead


def _is_dead(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.EROFS}:
            # It has just left, or another worker was here first; or the disk is read-only, and nobody can tell.
            return False
        raise
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a short way to a folder: the path of a socket has room for 107 bytes only (unix(7))."""
    opened = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}"
    finally:
        os.close(opened)
