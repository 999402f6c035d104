"""Guessing at links: whoever tries too many that are not good is told of none any more for a while.

A secret of 256 bits is not to be guessed; this keeps those who try from taking the server's time. Who has opened his
link goes on by his cookie, wherever he comes from.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from posthouse.accounts import networks
from posthouse.accounts.security import Attempts

MOST = 100
"""Links that were not good, from one address or one IPv6 line, within a PAUSE. Many people may share it."""
PAUSE = timedelta(minutes=15)


def too_many(address: str) -> bool:
    """Return whether too many bad links came from an address lately."""
    return Attempts.objects.filter(key=_key(address), count__gte=MOST, since__gt=timezone.now() - PAUSE).exists()


def wrong(address: str) -> None:
    """Count a link that was not good."""
    now = timezone.now()
    key = _key(address)
    row, _ = Attempts.objects.get_or_create(key=key, defaults={"since": now})
    mine = Attempts.objects.filter(key=key)
    if not mine.filter(since__gt=now - PAUSE).update(count=F("count") + 1):
        mine.filter(since=row.since).update(count=1, since=now)


def _key(address: str) -> str:
    return f"link:{networks.site(address)}"
