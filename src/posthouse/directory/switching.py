"""Switching accounts off because a directory says so, or says nothing of them any more, behind the guard.

A directory that answers with half of its people, by a mistake in a filter or by lost rights, must not take the accounts
of the other half away. So when more vanish at once than the guard allows, nobody is switched off until an administrator
has looked at them; and what he allows is exactly the set that he has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Set
from itertools import islice
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from posthouse.accounts.models import Entry, Guard, User
from posthouse.directory.models import Connection, SwitchedOff

BATCH = 500
SHOWN = 1000

log = structlog.get_logger("posthouse.directory")


class Stopped(Exception):
    """Too many accounts would be switched off at once; the message says so."""


def missing(connection: Connection, seen: Set[int]) -> set[UUID]:
    """Return whose accounts come from a directory, are active, and were not met in it."""
    active = Entry.objects.filter(connection=connection.pk, user__is_active=True, user__removed_at=None)
    ids = active.values_list("user_id", flat=True)
    return {pk for pk in ids.iterator(chunk_size=5_000) if pk.int not in seen}


def switch_off(connection: Connection, ids: Set[UUID]) -> int:
    """Switch accounts off if the guard, or an administrator, allows exactly these; return how many.

    Raises Stopped, after it was written down who they are.
    """
    doomed = ids - _the_last_administrators(ids)
    if not doomed:
        _forget(connection)
        return 0
    digest = digest_of(doomed)
    present = Entry.objects.filter(connection=connection.pk, user__is_active=True, user__removed_at=None).count()
    if Guard.in_force().stops(len(doomed), present) and connection.approved != digest:
        stopped = {
            "digest": digest,
            "count": len(doomed),
            "present": present,
            "at": timezone.now().isoformat(),
            "ids": [str(pk) for pk in sorted(doomed)[:SHOWN]],
        }
        if connection.stopped.get("digest") == digest:
            stopped["at"] = connection.stopped["at"]  # the same event as before
        connection.stopped, connection.position = stopped, {}
        # Without a position the next import is a full one: it sees all of them again.
        Connection.objects.filter(pk=connection.pk).update(stopped=stopped, position={})
        raise Stopped(
            f"{len(doomed)} of {present} accounts would be switched off, which is too many to believe it."
            " Nobody was switched off. Look at them on the page of the directory."
        )
    for some in _batches(sorted(doomed)):
        with transaction.atomic():
            User.objects.filter(pk__in=some, is_active=True).update(is_active=False)
            SwitchedOff.objects.bulk_create((SwitchedOff(user_id=pk) for pk in some), ignore_conflicts=True)
    _forget(connection)
    return len(doomed)


def allow(connection: Connection, digest: str) -> bool:
    """Allow the set of accounts that was stopped to be switched off; False when it is another one by now."""
    stopped = Connection.objects.filter(pk=connection.pk, stopped__digest=digest)
    return bool(digest) and bool(stopped.update(approved=digest))


def digest_of(ids: Collection[UUID]) -> str:
    """Return what stands for exactly this set."""
    return hashlib.sha256(b"".join(pk.bytes for pk in sorted(ids))).hexdigest()


def _forget(connection: Connection) -> None:
    if connection.stopped or connection.approved:
        connection.stopped, connection.approved = {}, ""
        Connection.objects.filter(pk=connection.pk).update(stopped={}, approved="")


def _the_last_administrators(ids: Set[UUID]) -> set[UUID]:
    """Return the administrators among them, if no other one would be left."""
    able = set(User.objects.able().filter(role=User.Role.ADMINISTRATOR).values_list("pk", flat=True))
    if not able or able - ids:
        return set()
    log.error("the last administrators stay active, whatever the directory says", count=len(able))
    return able


def _batches(ids: list[UUID]) -> Iterator[list[UUID]]:
    left = iter(ids)
    while some := list(islice(left, BATCH)):
        yield some
