"""When a mail, or the mail server, is tried again. Pure: time and chance are arguments."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(minutes=30)
LIFETIME = timedelta(days=3)
"""How long a mail is tried: older news help nobody."""


def too_old(created: datetime, now: datetime) -> bool:
    """Return whether a mail that was made at `created` is not tried any more."""
    return now - created >= LIFETIME


def delay(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many failures in a row: twice as long each time, up to a cap.

    Up to a fourth is taken off by chance (from 0 to 1), so that what failed together does not come back together.
    """
    longest: timedelta = min(FIRST_DELAY * 2 ** min(max(attempts - 1, 0), 10), LONGEST_DELAY)
    return longest * (1 - chance / 4)
