"""Several bodies in one: the length of a head (4 bytes, big endian), the head as JSON, and the bodies on end. Pure."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from typing import Any

_LENGTH = struct.Struct("!I")


def pack(head: Any, bodies: Iterable[bytes]) -> bytes:
    """Return all of it. The head says how many bytes each body has, in a way of the caller's."""
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *bodies))


def unpack(data: bytes, most: int) -> tuple[Any, int]:
    """Return the head, of `most` bytes at most, and where the bodies begin. Raises ValueError if it cannot be read."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        if length > most:
            raise ValueError(f"The head has {length} bytes.")
        return json.loads(data[_LENGTH.size : _LENGTH.size + length]), _LENGTH.size + length
    except (struct.error, RecursionError) as error:
        raise ValueError(str(error)) from error


def bodies(data: bytes, at: int, sizes: Iterable[int]) -> Iterator[bytes]:
    """Yield the bodies that begin at `at`, one after another."""
    for size in sizes:
        yield data[at : at + size]
        at += size
