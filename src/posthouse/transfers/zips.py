"""The layout of a zip file whose members' sizes and CRC-32 are known beforehand. Pure.

Members are stored, not compressed, so every byte's place is known before the first is sent: the length is exact, and
any range can be made by itself. Zip64 fields (APPNOTE 6.3, section 4.5.3) appear only where a number needs them, so
that old programs can read what is small. Names are UTF-8 and say so (general purpose bit 11).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

LIMIT32 = 0xFFFFFFFF
LIMIT16 = 0xFFFF
UTF8 = 1 << 11
STORED = 0
PLAIN, ZIP64 = 20, 45  # versions needed to extract
UNIX = 3 << 8
MODE = 0o100644 << 16

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END = struct.Struct("<4sHHHHLLH")
_END64 = struct.Struct("<4sQHHLLQQQQ")
_LOCATOR = struct.Struct("<4sLQL")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the zip file."""

    name: str
    size: int
    crc32: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """Some bytes of a member's contents."""

    member: int
    start: int
    length: int


class Layout:
    """Where each byte of the zip file comes from."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self._offsets: list[int] = []
        offset = 0
        for member in members:
            self._offsets.append(offset)
            offset += len(_local(member)) + member.size
        self._end_offset = offset
        self._end = self._directory()
        self.size = offset + len(self._end)

    def segments(self, start: int = 0, length: int | None = None) -> Iterator[bytes | Slice]:
        """Yield what the bytes from `start` on are, `length` of them or all: made bytes, or contents of a member."""
        stop = self.size if length is None else min(self.size, start + length)
        first = max(0, bisect_right(self._offsets, start) - 1)
        for number in range(first, len(self.members)):
            offset = self._offsets[number]
            if offset >= stop:
                return
            header = _local(self.members[number])
            if made := _cut(header, offset, start, stop):
                yield made
            contents = offset + len(header)
            low, high = max(start, contents), min(stop, contents + self.members[number].size)
            if low < high:
                yield Slice(number, low - contents, high - low)
        if made := _cut(self._end, self._end_offset, start, stop):
            yield made

    def _directory(self) -> bytes:
        entries = b"".join(map(_entry, self.members, self._offsets))
        count, size, offset = len(self.members), len(entries), self._end_offset
        end64 = b""
        if count >= LIMIT16 or size >= LIMIT32 or offset >= LIMIT32:
            end64 = _END64.pack(b"PK\6\6", 44, UNIX | ZIP64, ZIP64, 0, 0, count, count, size, offset)
            end64 += _LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
        few = min(count, LIMIT16)
        end = _END.pack(b"PK\5\6", 0, 0, few, few, min(size, LIMIT32), min(offset, LIMIT32), 0)
        return entries + end64 + end


def _local(member: Member) -> bytes:
    name = member.name.encode()
    big = member.size >= LIMIT32
    size = LIMIT32 if big else member.size
    # Here, unlike in the directory, both sizes must be given if one is.
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if big else b""
    time, date = _dos(member.modified)
    need = ZIP64 if big else PLAIN
    fields = (b"PK\3\4", need, UTF8, STORED, time, date, member.crc32, size, size, len(name), len(extra))
    return _LOCAL.pack(*fields) + name + extra


def _entry(member: Member, offset: int) -> bytes:
    name = member.name.encode()
    numbers = [member.size, member.size] if member.size >= LIMIT32 else []
    if offset >= LIMIT32:
        numbers.append(offset)
    extra = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
    time, date = _dos(member.modified)
    need = ZIP64 if numbers else PLAIN
    size = min(member.size, LIMIT32)
    head = (b"PK\1\2", UNIX | need, need, UTF8, STORED, time, date, member.crc32, size, size)
    tail = (len(name), len(extra), 0, 0, 0, MODE, min(offset, LIMIT32))
    return _CENTRAL.pack(*head, *tail) + name + extra


def _dos(moment: datetime) -> tuple[int, int]:
    """Return MS-DOS time and date: no time zone, two seconds' resolution, years 1980 to 2107."""
    year = min(max(moment.year, 1980), 2107) - 1980
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, year << 9 | moment.month << 5 | moment.day


def _cut(made: bytes, offset: int, start: int, stop: int) -> bytes:
    """Return what of `made`, which lies at `offset`, is between `start` and `stop`."""
    return made[max(0, start - offset) : max(0, stop - offset)]
