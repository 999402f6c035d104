"""Sizes, speeds and times in words: pure functions. `format.js` says the same in the browser."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

NOTHING = "–"  # noqa: RUF001 - the dash that stands for nothing in a table
SIZES = ("kB", "MB", "GB", "TB", "PB", "EB")
STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
SPANS = (
    (31_536_000, "year"),
    (2_592_000, "month"),
    (604_800, "week"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)


def size(count: float | None) -> str:
    """Return a number of bytes as people write it, in steps of 1000: "0 bytes", "1.23 MB", "45.6 GB"."""
    if count is None:
        return NOTHING
    if count < 1000:
        return "1 byte" if int(count) == 1 else f"{int(count)} bytes"
    value, unit = count / 1000, 0
    while value >= 999.5 and unit < len(SIZES) - 1:  # 999.5 would be shown as 1000: it belongs to the next unit
        value, unit = value / 1000, unit + 1
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {SIZES[unit]}"


def exact(count: int) -> str:
    """Return a number of bytes in the largest unit in which nothing of it is lost: "500 GB", "1.5 TB", "1234 bytes"."""
    for power, unit in reversed(list(enumerate(SIZES, 1))):
        value = count * 1000 // 1000**power
        if count >= 1000**power and value * 1000**power == count * 1000:
            return f"{value // 1000}{f'.{value % 1000:03}'.rstrip('0').rstrip('.')} {unit}"
    return f"{count} bytes"


def rate(speed: float | None) -> str:
    """Return a speed in bytes per second as "12.3 MB/s"."""
    return NOTHING if speed is None else f"{size(speed)}/s"


def duration(length: timedelta | float | None) -> str:
    """Return a length of time, a timedelta or seconds, by its two largest units: "2 h 5 min"."""
    if length is None:
        return NOTHING
    left = max(0, round(length.total_seconds() if isinstance(length, timedelta) else length))
    if left < 60:
        return f"{left} s"
    for (large, large_name), (small, small_name) in pairwise(STEPS):
        if left >= large:
            rest = left % large // small
            return f"{left // large} {large_name}" + (f" {rest} {small_name}" if rest else "")
    raise AssertionError("a minute or more always has a unit")


def ago(moment: datetime, now: datetime) -> str:
    """Return how far a moment lies from now, in words: "3 minutes ago", "in 2 days"."""
    seconds = (now - moment).total_seconds()
    for length, name in SPANS:
        count = int(abs(seconds) // length)
        if count:
            words = f"{count} {name}" if count == 1 else f"{count} {name}s"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now" if seconds > -1 else "in a moment"
