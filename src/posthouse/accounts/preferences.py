"""How somebody likes his pages and mails: a few choices of his own that go with him to every server."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.core.exceptions import ValidationError

NAMES = ("time_zone", "mails", "rows")
"""The columns of an account that hold them."""
ROWS = (25, 50, 100, 200)
UTC = "UTC"
REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def zones() -> list[str]:
    """Return the names of the time zones to choose from: UTC, and places by region."""
    return [UTC, *sorted(name for name in available_timezones() if name.partition("/")[0] in REGIONS)]


def zone(name: str) -> ZoneInfo | None:
    """Return the time zone of this name; None for no name, and for one that this machine does not know."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def check_zone(name: str) -> None:
    """Refuse what is no time zone to choose. Raises ValidationError."""
    if name not in zones():
        raise ValidationError(f"{name} is not a time zone. Choose one of the list.", code="zone")
