"""How fast relays may send: a bucket that fills at a rate, hours with another rate, shares of one rate. Pure.

Rates are bytes of payload per second; None is no limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

BURST_SECONDS = 0.05
"""What was not used for so long may be sent at once; what was not used before is lost."""
HOURS = 7 * 24
MBIT = 1_000_000 / 8


class Bucket:
    """Bytes flow into it at a rate, and whoever sends takes them out. Not safe for several threads at once."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until something may be taken; infinite while nothing may be sent at all."""
        if self.rate is None:
            return 0.0
        return max(0.0, self._free_at - now) if self.rate > 0 else float("inf")

    def take(self, now: float, size: int) -> None:
        """Take so many bytes. Only when `wait` says that something may be taken."""
        if self.rate:
            self._free_at = max(self._free_at, now - BURST_SECONDS) + size / self.rate

    def set(self, rate: float | None, now: float) -> None:
        """Change the rate; what was taken in advance is paid back at the new one."""
        if self.rate and rate:
            self._free_at = now + max(0.0, self._free_at - now) * self.rate / rate
        else:
            self._free_at = now
        self.rate = rate


@dataclass(frozen=True)
class Plan:
    """A rate for most hours of the week, and another one for some."""

    rate: float | None
    other: float | None
    marked: frozenset[int]
    """Hours of the week with the other rate; 0 is the first hour of Monday."""

    def at(self, moment: datetime) -> float | None:
        """Return the rate at a moment of the plan's own time zone."""
        return self.other if hour_of_week(moment) in self.marked else self.rate


def hour_of_week(moment: datetime) -> int:
    """Return the hour of the week, from 0 for the first one of Monday."""
    return moment.weekday() * 24 + moment.hour


@dataclass(frozen=True)
class Claim:
    """What one worker has of a limit, and what it could use: None for as much as there is."""

    share: float
    wants: float | None


def fair(limit: float, wants: Sequence[float | None]) -> list[float]:
    """Divide a limit: everybody gets what he wants, up to what is fair; what some leave goes to the others."""
    shares = [0.0] * len(wants)
    left, open_ = limit, list(range(len(wants)))
    while open_:
        each = left / len(open_)
        modest = [index for index in open_ if (want := wants[index]) is not None and want <= each]
        if not modest:
            for index in open_:
                shares[index] = each
            break
        for index in modest:
            shares[index] = float(wants[index] or 0)
            left -= shares[index]
            open_.remove(index)
    else:
        # All are content: what nobody wants lies ready, so that nobody waits who wants more in a moment.
        for index in range(len(shares)):
            shares[index] += left / len(shares)
    return shares


def grant(limit: float, mine: float | None, others: Sequence[Claim]) -> float:
    """Return my share: the fair one, but never more than what the others have left of the limit until now."""
    target = fair(limit, [mine, *(other.wants for other in others)])[0]
    return max(0.0, min(target, limit - sum(other.share for other in others)))
