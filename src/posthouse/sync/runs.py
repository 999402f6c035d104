"""A sync: one slave is brought to the state of the master, and that is proven (R23-R27, D8, D9)."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from posthouse.cluster import servers
from posthouse.cluster.calls import call
from posthouse.cluster.errors import CallError, Refused
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.sync import batches, feed, telling
from posthouse.sync.models import Copy, Run

ROUNDS = 6
"""How often a sync goes after what changed while it was under way, before it leaves that to the next one."""
OPEN = (State.QUEUED, State.ACTIVE, State.DEFERRED, State.HELD)
ATTEMPTS = 3
TIMEOUT_SECONDS = 120.0

log = structlog.get_logger("posthouse.sync")


class NotPossible(Exception):
    """A sync cannot be started; the message says why."""


class Unproven(Exception):
    """The copy could not be proven equal; the message says why."""


def start(server: Server, kind: Run.Kind | str = Run.Kind.MANUAL) -> Run:
    """Have a slave synced soon, and return the run; one that is under way already is returned as it is.

    Raises NotPossible when this server is not its master.
    """
    this = servers.this()
    if this.role != Server.Role.MASTER:
        raise NotPossible(f"{this.name} is not the master. Syncs are started there.")
    if server.is_self or server.removed_at is not None:
        raise NotPossible(f"{server.name} is not a slave of this server.")
    with transaction.atomic():
        Copy.objects.get_or_create(server=server)
        Copy.objects.select_for_update().get(server=server)  # two who start at once take turns here
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
    job.note(started_at=row.started_at or timezone.now())
    try:
        change = _Sync(job).run()
    except (CallError, Unproven) as error:
        _failed(row, str(error))
    else:
        _succeeded(row, change)


class _Sync:
    """One run's work."""

    def __init__(self, job: Job[Run]) -> None:
        self.job = job
        self.server = job.row.server
        self.by_hand = job.row.kind == Run.Kind.MANUAL
        self.full = self.by_hand
        """Whether the slave is told of all rows that there are, so that it can remove all others."""
        self.repaired = False
        self.counts = {"total": 0, "sent": 0, "added": 0, "changed": 0, "removed": 0, "bytes": 0}

    def run(self) -> int:
        """Bring the slave to the state of the master, and return the number of the last change that it has.

        Raises CallError and Unproven; LostLease and Stopping come from the job.
        """
        position = self._position()
        for _ in range(ROUNDS):
            position = self._send(position)
            there = self._finish(position)
            here = feed.fingerprint()
            if here.digest == there:
                return here.change
            if here.change == position:
                if self.repaired:
                    raise Unproven(
                        f"The copy on {self.server.name} still differs from the master after everything was sent anew."
                        " The logs of both servers say more."
                    )
                # Nothing has changed here, so the copy has gone astray: D9.
                log.warning("copy differs, sending everything", server=self.server.name)
                self.repaired = True
                self.job.note(repaired=True)
                position = self._position(start_over=True)
        raise Unproven("So much changed during the sync that it did not come to an end. It goes on by itself.")

    def _position(self, *, start_over: bool = False) -> int:
        answer = self._call("sync/state", json={"start_over": start_over})
        change = int(answer["change"])
        if change > feed.counter():  # it has seen a later state of this database, which was restored since
            return self._position(start_over=True)
        self.full = self.full or change == 0
        return change

    def _send(self, after: int) -> int:
        """Send what has changed, and return the number up to which the slave has everything."""
        upto = feed.counter()
        if upto == after and after:
            return after
        self._note(total=feed.pending(after, upto))
        for batch in feed.batches(after, upto):
            self.job.check()
            data = batches.dumps(batch)
            try:
                answer = self._call("sync/batch", body=data)
            except Refused as refused:
                if refused.code != "position":
                    raise
                return self._send(self._position())
            self._note(
                sent=batch.count,
                bytes=len(data),
                **{name: int(answer[name]) for name in ("added", "changed", "removed")},
            )
        return upto

    def _finish(self, position: int) -> str:
        everyone = feed.everyone() if self.full else None
        data = batches.pack({"everyone": everyone, "by_hand": self.by_hand, "change": position})
        answer = self._call("sync/finish", body=data)
        self._note(bytes=len(data), removed=int(answer["removed"]))
        return str(answer["digest"])

    def _call(self, path: str, **content: Any) -> dict[str, Any]:
        self.job.check()
        return call(self.server, "POST", path, timeout=TIMEOUT_SECONDS, **content).json()

    def _note(self, **more: int) -> None:
        for name, count in more.items():
            self.counts[name] += count
        self.job.note(**self.counts)


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
        _forget_idle(row)
        # A slave that was never synced has never been lost: nobody was told so.
        if before is not None and before.status == Copy.Status.OUT_OF_SYNC and before.synced_at is not None:
            telling.well_again(row.server, before.since)


def _failed(row: Run, error: str) -> None:
    now = timezone.now()
    allowed = settings.POSTHOUSE.sync_failures
    with transaction.atomic():
        if not leases.fail(row, error):
            return
        copy = Copy.objects.filter(server_id=row.server_id)
        if copy.filter(status=Copy.Status.OUT_OF_SYNC).update(reason=error):
            return
        copy.update(failures=F("failures") + 1, reason=error)
        lost = copy.filter(failures__gt=allowed, status=Copy.Status.OK)
        if lost.update(status=Copy.Status.OUT_OF_SYNC, since=now):
            telling.out_of_sync(copy.select_related("server").get())
            log.error("server is out of sync", server=row.server.name, reason=error)


def _forget_idle(row: Run) -> None:
    """Keep the history readable: of the automatic syncs that found nothing to do, only the last one stays."""
    idle = Q(kind=Run.Kind.AUTOMATIC, state=State.DONE, added=0, changed=0, removed=0)
    Run.objects.filter(idle, server_id=row.server_id, created_at__lt=row.created_at).delete()
