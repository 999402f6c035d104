"""Part arithmetic: how a file is cut into pieces. Pure."""

from __future__ import annotations

from collections.abc import Collection

PART = 16 * 1024 * 1024
"""Bytes in a part of a file of ordinary size."""
MOST = 10_000
"""Parts that a file has at most, which is also what S3 takes."""


def part_size(size: int) -> int:
    """Return the bytes in each part but the last of a file of `size` bytes: PART, doubled until MOST parts suffice."""
    length = PART
    while part_count(size, length) > MOST:
        length *= 2
    return length


def part_count(size: int, part_size: int) -> int:
    """Return how many parts a file of `size` bytes has; an empty one has none."""
    return -(-size // part_size)


def span(number: int, size: int, part_size: int) -> tuple[int, int]:
    """Return the offset and the length, in bytes, of a part of a file of `size` bytes.

    Raises ValueError for a number that the file does not have.
    """
    if not 0 <= number < part_count(size, part_size):
        raise ValueError(f"A file of {size} bytes has no part {number}.")
    offset = number * part_size
    return offset, min(part_size, size - offset)


def missing(have: Collection[int], count: int) -> list[tuple[int, int]]:
    """Return the part numbers below `count` that are not in `have`, as inclusive ranges in ascending order."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for number in [*sorted(number for number in set(have) if 0 <= number < count), count]:
        if number > start:
            gaps.append((start, number - 1))
        start = number + 1
    return gaps
