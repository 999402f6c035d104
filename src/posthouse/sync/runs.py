"""A sync: one slave is brought to the state of the master, and that is proven (R23-R27, D8, D9)."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from posthouse.cluster import servers
from posthouse.cluster.errors import CallError
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.licensing import licences
from posthouse.sync import holds, telling
from posthouse.sync.models import Copy, Hold, Rhythm, Run
from posthouse.sync.sending import Sending, Unproven

OPEN = (State.QUEUED, State.ACTIVE, State.DEFERRED, State.HELD)
ATTEMPTS = 3

log = structlog.get_logger("posthouse.sync")


class NotPossible(Exception):
    """A sync cannot be started; the message says why."""


def start(server: Server, kind: Run.Kind | str = Run.Kind.MANUAL) -> Run:
    """Have a slave synced soon, and return the run; one that is under way already is returned as it is.

    Raises NotPossible when this server is not its master.
    """
    this = servers.this()
    if this.role != Server.Role.MASTER:
        raise NotPossible(f"{this.name} is not the master. Syncs are started there.")
    if lacking := licences.lacking():
        raise NotPossible(lacking)
    with transaction.atomic():
        # Two who start at once take turns here, and so does whoever removes the server meanwhile.
        slaves = Server.objects.select_for_update().filter(is_self=False, removed_at=None)
        if slaves.filter(pk=server.pk).first() is None:
            raise NotPossible(f"{server.name} is not a slave of this server.")
        Copy.objects.get_or_create(server=server)
        run = Run.objects.filter(server=server, state__in=OPEN).first()
        if run is None:
            run = Run.objects.create(server=server, kind=kind)
        elif kind == Run.Kind.MANUAL:
            Run.objects.filter(pk=run.pk).update(kind=kind)
            leases.requeue(Run.objects.filter(pk=run.pk))
            run.refresh_from_db()
        wake_on_commit()
    return run


def due() -> QuerySet[Run]:
    """Return the runs to choose from."""
    return Run.objects.order_by("created_at")


def run(job: Job[Run]) -> None:
    """Sync one slave, and write into its copy's row what came of it."""
    row = job.row
    if row.attempts > ATTEMPTS:
        _failed(row, "The sync was broken off each time it was tried. The log of this server says more.")
        return
    if row.kind == Run.Kind.AUTOMATIC and not Copy.objects.filter(server=row.server, status=Copy.Status.OK).exists():
        leases.fail(row, f"{row.server.name} is OUT OF SYNC. Only a Sync by hand brings it back.")
        return
    job.note(started_at=row.started_at or timezone.now())
    try:
        change = Sending(job).run()
    except holds.Held as held:
        _held(row, held)
    except (CallError, Unproven) as error:
        _failed(row, str(error))
    else:
        _succeeded(row, change)


def _succeeded(row: Run, change: int) -> None:
    now = timezone.now()
    with transaction.atomic():
        if not leases.finish(row):
            return
        before = Copy.objects.select_for_update().filter(server_id=row.server_id).first()
        Copy.objects.filter(server_id=row.server_id).update(
            since=Case(When(status=Copy.Status.OK, then=F("since")), default=Value(now)),
            status=Copy.Status.OK,
            reason="",
            failures=0,
            synced_at=now,
            acknowledged=change,
        )
        held = Hold.objects.filter(server_id=row.server_id).delete()[0]
        _forget_idle(row)
        # A slave that was never synced has never been lost: nobody was told so.
        lost = before is not None and before.status == Copy.Status.OUT_OF_SYNC
        if before is not None and lost and (held or before.synced_at is not None):
            telling.well_again(row.server, before.since)


def _failed(row: Run, error: str) -> None:
    """End a run as failed. Of automatic ones that fail in a row, one more than allowed puts the slave OUT OF SYNC."""
    allowed = Rhythm.in_force().failures
    with transaction.atomic():
        if not leases.fail(row, error):
            return
        copy = Copy.objects.filter(server_id=row.server_id)
        if row.kind == Run.Kind.AUTOMATIC:
            copy.filter(status=Copy.Status.OK).update(failures=F("failures") + 1)
        copy.update(reason=error)
        if _lose(copy.filter(failures__gt=allowed)):
            telling.out_of_sync(copy.select_related("server").get())
            log.error("server is out of sync", server=row.server.name, reason=error)


def _held(row: Run, held: holds.Held) -> None:
    """End a run that an administrator must decide about. The slave is OUT OF SYNC until he has."""
    with transaction.atomic():
        if not leases.fail(row, str(held)):
            return
        copy = Copy.objects.filter(server_id=row.server_id)
        copy.update(reason=str(held))
        lost = _lose(copy)
        if holds.place(row.server, held) or lost:
            telling.held(Hold.objects.select_related("server").get(server_id=row.server_id), str(held))
            log.error("sync is held", server=row.server.name, reason=str(held))


def _lose(copy: QuerySet[Copy]) -> bool:
    """Put a slave OUT OF SYNC; False when it is so already, or none is given."""
    lost = copy.filter(status=Copy.Status.OK).update(status=Copy.Status.OUT_OF_SYNC, since=timezone.now())
    return lost > 0


def _forget_idle(row: Run) -> None:
    """Keep the history readable: of the automatic syncs that found nothing to do, only the last one stays."""
    idle = Q(kind=Run.Kind.AUTOMATIC, state=State.DONE, added=0, changed=0, removed=0)
    Run.objects.filter(idle, server_id=row.server_id, created_at__lt=row.created_at).delete()
