"""A bundle: small files of one package that go up in one request. Pure.

Framed as posthouse.lib.framing does it, with the head [[id of the file, bytes], …]. Whoever sends one is told
{"here": [id, …], "others": [[id, why], …]}: the first are in the store, be it since now or before; the others go up one
by one, as all files may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from posthouse.lib import framing

EACH = 256 * 1024
"""Bytes of one file at most."""
BYTES = 2 * 1024 * 1024
"""Bytes of all of its files at most."""
FILES = 500
"""Files at most."""
HEAD = 64 * 1024
"""Bytes of its head at most."""
LIMIT = 4 + HEAD + BYTES
"""Bytes of a bundle at most."""

F = TypeVar("F")


class BadBundle(ValueError):
    """It cannot be read, or is more than a bundle may be; the message is a sentence that says why."""


class Item(NamedTuple):
    """A file in a bundle."""

    file: UUID
    data: bytes


def groups(files: Iterable[F], size: Callable[[F], int]) -> Iterator[list[F]]:
    """Yield files of 1 to EACH bytes in groups that each make one bundle."""
    group: list[F] = []
    room = BYTES
    for file in files:
        if len(group) == FILES or size(file) > room:
            yield group
            group, room = [], BYTES
        group.append(file)
        room -= size(file)
    if group:
        yield group


def pack(items: Iterable[Item]) -> bytes:
    """Return a bundle of these files."""
    known = list(items)
    return framing.pack([[str(file), len(data)] for file, data in known], (data for _, data in known))


def unpack(bundle: bytes) -> list[Item]:
    """Return the files in a bundle, each once. Raises BadBundle."""
    try:
        head, at = framing.unpack(bundle, HEAD)
        entries = [(UUID(file), size) for file, size in head]
    except (ValueError, TypeError, AttributeError) as error:
        raise BadBundle("The head of the bundle cannot be read.") from error
    _check(entries)
    sizes = [size for _, size in entries]
    if at + sum(sizes) != len(bundle):
        raise BadBundle("The bundle does not have as many bytes as its head says.")
    bodies = framing.bodies(bundle, at, sizes)
    return [Item(file, data) for (file, _), data in zip(entries, bodies, strict=True)]


def _check(entries: Sequence[tuple[UUID, int]]) -> None:
    if not 0 < len(entries) <= FILES:
        raise BadBundle(f"A bundle has 1 to {FILES} files, not {len(entries)}.")
    if len({file for file, _ in entries}) != len(entries):
        raise BadBundle("The bundle has a file twice.")
    if not all(type(size) is int and 0 < size <= EACH for _, size in entries):
        raise BadBundle(f"Each file in a bundle has 1 to {EACH} bytes.")
    if sum(size for _, size in entries) > BYTES:
        raise BadBundle(f"The files of a bundle have at most {BYTES} bytes together.")
