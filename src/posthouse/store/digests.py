"""Digests of parts and of files. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol

from blake3 import blake3


class Hasher(Protocol):
    """What takes bytes and tells their digest, in the manner of hashlib."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        ...


_ALGORITHMS: dict[str, Callable[[], Hasher]] = {"blake3": blake3, "sha256": hashlib.sha256}

ALGORITHMS = frozenset(_ALGORITHMS)
"""Names of the digests that files may have."""


def new(algorithm: str) -> Hasher:
    """Return a hasher that has taken nothing yet. Raises ValueError for an algorithm that is not in ALGORITHMS."""
    try:
        return _ALGORITHMS[algorithm]()
    except KeyError:
        raise ValueError(
            f"Digest {algorithm!r} is not known here; use one of {', '.join(sorted(ALGORITHMS))}."
        ) from None


def of_parts(algorithm: str, digests: Iterable[bytes]) -> bytes:
    """Return a file's digest: that of its parts' digests one after another, and of nothing for an empty file."""
    hasher = new(algorithm)
    for digest in digests:
        hasher.update(digest)
    return hasher.digest()
