"""Lock-out: after so many wrong passwords, none is looked at for a while, for that user name or from that address.

A try is counted before its password is looked at, and taken back when it was right: a hundred guesses at the same
moment are a hundred. Whoever is locked out gets the same answer as for a wrong password, and user names that nobody
has are counted like others, so nobody learns which there are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from posthouse.accounts import networks
from posthouse.accounts.rules import normal
from posthouse.accounts.security import Attempts, SignIn

ADDRESS_FACTOR = 10
"""How many times as many may come from one address: many people may share it."""
NEVER = 100_000_000
KEEP = timedelta(days=8)
WRITTEN = 10
"""Refused log-ins from one address of which each is written into the audit log; then only the 16th, 32nd, 64th …"""


class Locked(Exception):
    """This user name, or this address, is locked."""


@dataclass(frozen=True)
class Count:
    """How many wrong passwords there were, since when, and until when that locks."""

    count: int = 0
    since: datetime | None = None
    until: datetime | None = None


def one_more(before: Count, now: datetime, limit: int, lock: timedelta) -> Count:
    """Return the count with one more try. It is locked when the result has `until`. Pure.

    A clock that was set back does not lock anybody for longer than the lock lasts.
    """
    if before.until is not None and now < before.until <= now + lock:
        return before
    fresh = before.until is not None or before.since is None or not before.since <= now < before.since + lock
    count = 1 if fresh else before.count + 1
    return Count(count, now if fresh else before.since, now + lock if count > limit else None)


def begin(login: str, address: str) -> None:
    """Count a try to log in before its password is looked at. Raises Locked."""
    rules = SignIn.in_force()
    limit = rules.lock_after or NEVER  # they are counted all the same: the audit log goes by it
    with transaction.atomic():
        locked = _count(_of_address(address), limit * ADDRESS_FACTOR, rules.lock)
        # Who comes from a locked address locks no accounts with it.
        locked = locked or _count(of_login(login), limit, rules.lock)
    if locked:
        raise Locked


def succeeded(login: str, address: str) -> None:
    """Take back a try whose password was right."""
    Attempts.objects.filter(key=of_login(login)).delete()
    Attempts.objects.filter(key=_of_address(address)).update(count=Greatest(F("count") - 1, 0))


def until(login: str) -> datetime | None:
    """Return until when a user name is locked, or None."""
    now = timezone.now()
    row = Attempts.objects.filter(key=of_login(login), until__gt=now).first()
    return row.until if row is not None and row.until <= now + SignIn.in_force().lock else None  # type: ignore[operator]


def unlock(login: str) -> bool:
    """Let somebody try again at once; False when he was not locked out."""
    return bool(Attempts.objects.filter(key=of_login(login)).delete()[0])


def unlock_all() -> int:
    """Let everybody try again at once, from every address; return how many names and addresses were counted."""
    return Attempts.objects.all().delete()[0]


def is_written(address: str) -> bool:
    """Return whether a refused log-in from an address should be written into the audit log: nobody can flood it."""
    count = Attempts.objects.filter(key=_of_address(address)).values_list("count", flat=True).first() or 1
    return count <= WRITTEN or count & (count - 1) == 0


def forget_old() -> int:
    """Delete counts that mean nothing any more; return how many."""
    return Attempts.objects.filter(since__lt=timezone.now() - KEEP).delete()[0]


def is_too_much(key: str, limit: int, pause: timedelta) -> bool:
    """Count something that comes from an address, `what:address`, and return whether that is more than the limit."""
    with transaction.atomic():
        return _count(_of_what(key), limit, pause)


def was_too_much(key: str, pause: timedelta) -> bool:
    """Return whether what `is_too_much` counts has passed its limit, and the pause is not over; count nothing."""
    now = timezone.now()
    return Attempts.objects.filter(key=_of_what(key), until__gt=now, until__lte=now + pause).exists()


def of_login(login: str) -> str:
    """Return the key of a user name, whatever its case and length."""
    return f"login:{hashlib.sha256(normal(login).casefold().encode('utf-8', 'surrogatepass')).hexdigest()}"


def _of_what(key: str) -> str:
    what, _, address = key.partition(":")
    return f"{what}:{networks.site(address)}"


def _of_address(address: str) -> str:
    return f"address:{networks.site(address)}"


def _count(key: str, limit: int, lock: timedelta) -> bool:
    """Count one more, and return whether that is too many."""
    Attempts.objects.get_or_create(key=key)
    row = Attempts.objects.select_for_update().get(key=key)
    before = Count(row.count, row.since if row.count else None, row.until)
    after = one_more(before, timezone.now(), limit, lock)
    if after != before:
        Attempts.objects.filter(key=key).update(count=after.count, since=after.since, until=after.until)
    return after.until is not None
