"""How the C library keeps memory that a process gives back."""

from __future__ import annotations

import ctypes

# Numbers of <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# The greatest that glibc takes.
MMAP_THRESHOLD = 32 * 1024 * 1024
KEPT = 64 * 1024 * 1024

_libc = ctypes.CDLL(None)


def keep_buffers() -> None:
    """Have the allocator keep up to KEPT bytes for the next buffers instead of handing each back to the kernel.

    The pieces of an upload have some hundred kilobytes, which glibc maps and unmaps one by one: the kernel clears
    every page of a file's length anew. On a busy machine it was about a quarter of the system time of an upload over
    TLS. Nothing happens where the C library has no such setting.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, KEPT)


def give_back() -> None:
    """Hand what is kept back to the kernel: for whoever is about to need much memory of another kind.

    Takes some milliseconds. Nothing happens where the C library cannot do it.
    """
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)
