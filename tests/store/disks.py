"""A disk that is really full."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(root: Path, room: int) -> Iterator[Callable[[int], None]]:
    """Let `root` hold no more than about `room` bytes; what is yielded changes that.

    For root it is a file system of its own; for others a limit on the length of files, which fails writes likewise.
    """
    root.mkdir()
    if os.geteuid() == 0:
        _mount("-t", "tmpfs", "-o", f"size={room}", "posthouse-test", root)
        try:
            yield lambda more: _mount("-o", f"remount,size={more}", root)
        finally:
            subprocess.run(["umount", root], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the write fails, and not the process
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield lambda more: resource.setrlimit(resource.RLIMIT_FSIZE, (more, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)
