"""What becomes of a relay, or of a link, after something went wrong. Pure: time and chance are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from posthouse.cluster.errors import Kind

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=10)


@dataclass(frozen=True)
class Retry:
    """It may work later by itself."""

    when: datetime


@dataclass(frozen=True)
class NeedsAdministrator:
    """Somebody must mend something; whether he has is found out at `when`."""

    when: datetime


@dataclass(frozen=True)
class GiveUp:
    """It will not be tried again unless somebody asks for it."""

    because: str = ""


Decision = Retry | NeedsAdministrator | GiveUp


def decide(kind: Kind, attempts: int, since: datetime, now: datetime, chance: float, days: int = 14) -> Decision:
    """Return what to do after the `attempts`-th attempt in a row (from 1) failed.

    `since` is when the relay was asked for, `chance` a random number from 0 to 1. After so many `days` it fails aloud.
    """
    if kind is Kind.PERMANENT:
        return GiveUp()
    if now - since >= timedelta(days=days):
        return GiveUp(tried_long(days))
    when = now + delay(attempts, chance)
    return NeedsAdministrator(when) if kind is Kind.ADMINISTRATOR else Retry(when)


def tried_long(days: int) -> str:
    """Return why a relay ends whose lifetime is over."""
    return f"It was tried for {days} day{'' if days == 1 else 's'}."


def delay(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many failures in a row: twice as long each time, up to a cap.

    Up to a fourth is taken off by chance, so that what failed together does not come back together.
    """
    longest: timedelta = min(FIRST_DELAY * 2 ** min(max(attempts - 1, 0), 20), LONGEST_DELAY)
    return longest * (1 - chance / 4)
