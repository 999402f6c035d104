"""Locks of the kernel on ranges of a file: nobody else writes there, however late he wakes up.

A lease ends by the clock, so the process that held it may be frozen and wake up in the middle of a write. Such a lock
belongs to the open file (fcntl(2), F_OFD_SETLK) and ends only when that is closed, as the kernel does for a process
that dies: threads exclude each other too, and a frozen process keeps others out instead of writing over them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

from posthouse.store.errors import PartBusy

PATIENCE_SECONDS = 2.0
"""A writer that has just been asked to let go may need a moment."""
LOOK_SECONDS = 0.02

# struct flock of Linux, as F_OFD_SETLK takes it.
_FLOCK = struct.Struct("hhqqi")


def hold(descriptor: int, offset: int, length: int, patience: float = PATIENCE_SECONDS) -> None:
    """Keep others from writing this range until the descriptor is closed. Blocks. Raises PartBusy."""
    end = time.monotonic() + patience
    while not take(descriptor, offset, length):
        if time.monotonic() >= end:
            raise PartBusy
        time.sleep(LOOK_SECONDS)


def take(descriptor: int, offset: int, length: int) -> bool:
    """Lock a range of a file, opened for writing; False when another open file has it."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, length, 0))
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True
