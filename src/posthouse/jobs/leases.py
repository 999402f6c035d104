"""Who may work on a row, and until when.

A worker claims a row with an UPDATE that names what the row looked like, and counts the rows that changed: of two
claimers, one counts none. Each claim raises the row's fencing number, and every later write names that number, so a
worker that was frozen, or cut off from the database, can change nothing once another one has taken over.

Lease ends are set and compared by the database's clock, so that a node whose clock is wrong neither loses its leases
nor takes those of others. Works on SQLite and PostgreSQL, with any number of workers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import DateTimeField, ExpressionWrapper, F, Model, Q, QuerySet, Value
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from posthouse.jobs.models import State, Work

W = TypeVar("W", bound=Work)

LEASE_SECONDS = 30
CANDIDATES = 16
QUICK_TAKEOVERS = 3
LONGEST_TAKEOVER_DELAY = timedelta(minutes=10)


class LostLease(Exception):
    """The row belongs to another worker now, or to nobody: whatever was being done for it must stop."""


def claimable() -> Q:
    """Return the condition for rows that may be claimed now: new, due again, or with a lease that ran out.

    A held row with no next try waits until somebody asks for it.
    """
    return (
        Q(state=State.QUEUED, next_try_at=None)
        | Q(state__in=(State.QUEUED, State.DEFERRED, State.HELD), next_try_at__lte=Now())
        | Q(state=State.ACTIVE, lease_until__lt=Now())
    )


def claim(due: QuerySet[W], holder: str, seconds: float = LEASE_SECONDS) -> W | None:
    """Claim the first claimable row of `due`, in its order, and return it; None when there is none.

    The row comes back active, with its attempts and its fencing number raised by one.
    """
    while candidates := list(due.filter(claimable()).values_list("pk", "fence")[:CANDIDATES]):
        for pk, fence in candidates:
            row = take(due.model, pk, fence, holder, seconds)
            if row is not None:
                return row
        # Every candidate went to somebody else: look again, for there may be more behind them.
    return None


def take(
    model: type[W], pk: object, fence: int, holder: str, seconds: float = LEASE_SECONDS, **fields: Any
) -> W | None:
    """Claim this row, if it may be claimed and still has this fencing number; None when it went to somebody else."""
    claimed = model._default_manager.filter(claimable(), pk=pk, fence=fence).update(
        **fields,
        state=State.ACTIVE,
        attempts=F("attempts") + 1,
        fence=fence + 1,
        lease_holder=holder,
        lease_until=_from_now(seconds),
        next_try_at=None,
        updated_at=timezone.now(),
    )
    return model._default_manager.filter(pk=pk, fence=fence + 1).first() if claimed else None


def renew(row: Work, seconds: float = LEASE_SECONDS) -> bool:
    """Move the end of the lease on; False when it is no longer ours."""
    return bool(_held(row).update(lease_until=_from_now(seconds)))


def note(row: W, **fields: Any) -> None:
    """Write progress into the row, here and in the database. Raises LostLease."""
    if not _held(row).update(**fields, updated_at=timezone.now()):
        raise LostLease
    _set(row, fields)


def finish(row: Work, **fields: Any) -> bool:
    """End the row as done; False when it is no longer ours."""
    return _end(row, State.DONE, {**fields, "last_error": "", "ended_at": timezone.now()})


def fail(row: Work, error: str, **fields: Any) -> bool:
    """End the row as failed, with the reason in words; False when it is no longer ours."""
    return _end(row, State.FAILED, {**fields, "last_error": error, "ended_at": timezone.now()})


def defer(row: Work, error: str, next_try_at: datetime, **fields: Any) -> bool:
    """Put the row back until `next_try_at`, with the reason in words; False when it is no longer ours."""
    return _end(row, State.DEFERRED, {**fields, "last_error": error, "next_try_at": next_try_at})


def hold(row: Work, error: str, next_try_at: datetime | None, **fields: Any) -> bool:
    """Put the row aside for an administrator, to be tried again at `next_try_at` (None: only when asked to)."""
    return _end(row, State.HELD, {**fields, "last_error": error, "next_try_at": next_try_at})


def release(row: Work) -> bool:
    """Give the row back as if it had not been claimed; False when it is no longer ours."""
    return _end(row, State.QUEUED, {"attempts": Greatest(F("attempts") - 1, Value(0))})


def take_back(model: type[Work], holder: str) -> int:
    """Free at once all rows of a holder that is known to be dead; return how many.

    A row is tried again at once the first few times. One that has ended its worker more often than that may be the
    cause of it, so it waits, each time longer, and the others get their turn.
    """
    return _free(model._default_manager.filter(state=State.ACTIVE, lease_holder=holder))


def put_back(row: Work) -> int:
    """Free a row whose end could not be written, so that it is done again; 0 when it is no longer ours."""
    return _free(_held(row))


def take_back_ended(model: type[Work]) -> int:
    """Free all rows whose leases ran out, as their holder may have died somewhere else; return how many."""
    return _free(model._default_manager.filter(state=State.ACTIVE, lease_until__lt=Now()))


def _free(held: QuerySet[Any]) -> int:
    freed = 0
    for pk, fence, attempts in held.values_list("pk", "fence", "attempts"):
        delay = takeover_delay(attempts)
        freed += held.filter(pk=pk, fence=fence).update(
            state=State.DEFERRED if delay else State.QUEUED,
            next_try_at=timezone.now() + delay if delay else None,
            lease_holder="",
            lease_until=None,
            updated_at=timezone.now(),
        )
    return freed


def takeover_delay(attempts: int) -> timedelta:
    """Return how long a row waits whose worker died in its `attempts`-th attempt."""
    if attempts <= QUICK_TAKEOVERS:
        return timedelta(0)
    return min(timedelta(seconds=5 * 2 ** min(attempts - QUICK_TAKEOVERS, 16)), LONGEST_TAKEOVER_DELAY)


def requeue(rows: QuerySet[W]) -> int:
    """Have those rows tried again at once that wait, are held or have failed; return how many."""
    return rows.filter(state__in=(State.QUEUED, State.DEFERRED, State.HELD, State.FAILED)).update(
        state=State.QUEUED,
        attempts=0,
        next_try_at=None,
        ended_at=None,
        updated_at=timezone.now(),
    )


def _held(row: W) -> QuerySet[W]:
    return type(row)._default_manager.filter(pk=row.pk, fence=row.fence, state=State.ACTIVE)


def _end(row: Work, state: State, fields: dict[str, Any]) -> bool:
    changes = {**fields, "state": state, "lease_holder": "", "lease_until": None, "updated_at": timezone.now()}
    if not _held(row).update(**changes):
        return False
    _set(row, changes)
    return True


def _set(row: Model, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if not hasattr(value, "resolve_expression"):  # the database computed that one
            setattr(row, name, value)


def _from_now(seconds: float) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(Now() + Value(timedelta(seconds=seconds)), output_field=DateTimeField())
