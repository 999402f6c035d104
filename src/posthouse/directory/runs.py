"""Imports: one reading of a directory, written into the accounts.

A run that is broken off, by a restart or a dead worker, is done again from its beginning: what it has written already
is then found unchanged. It never counts as a whole one before its end: only there are accounts switched off, and only
there the position is kept up to which changes are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from posthouse.accounts.models import Entry
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.directory import switching, telling
from posthouse.directory.errors import DirectoryError, Incomplete
from posthouse.directory.models import Conflict, Connection, Run
from posthouse.directory.people import Person
from posthouse.directory.port import Directory
from posthouse.directory.reading import Everybody, Reading
from posthouse.directory.switching import Stopped
from posthouse.directory.writing import SAMPLE, Writer
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit

OPEN = (State.QUEUED, State.ACTIVE, State.DEFERRED, State.HELD)
ATTEMPTS = 3
CHUNK = 500
MOST_AGAIN = 500

T = TypeVar("T")
log = structlog.get_logger("posthouse.directory")


class NotPossible(Exception):
    """An import cannot be started; the message says why."""


class Cancelled(Exception):
    """Somebody wants the import to end."""


def start(connection: Connection, kind: Run.Kind | str = Run.Kind.MANUAL, *, full: bool = True) -> Run:
    """Have a directory imported soon, and return the run; one that is under way already is returned as it is.

    Raises NotPossible when accounts are not kept on this server.
    """
    this = servers.this()
    if this.role == Server.Role.SLAVE:
        raise NotPossible(f"{this.name} is a slave: people are imported on the master, where accounts are kept.")
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two who start at once take turns here
        run = Run.objects.filter(connection=connection, state__in=OPEN).first()
        if run is None:
            run = Run.objects.create(connection=connection, kind=kind, full=full)
        elif kind == Run.Kind.MANUAL:
            leases.requeue(Run.objects.filter(pk=run.pk))
            run.refresh_from_db()
        wake_on_commit()
    return run


def cancel(run: Run, by: str) -> bool:
    """Have a run end as soon as it looks; False when it has ended already."""
    waiting = Run.objects.filter(pk=run.pk, state__in=OPEN)
    cancelled = waiting.update(cancelled_by=by[:200])
    # Nobody works on one that waits: it ends here.
    waiting.exclude(state=State.ACTIVE).update(
        state=State.FAILED, last_error=_cancelled(by), ended_at=timezone.now(), updated_at=timezone.now()
    )
    return bool(cancelled)


def due() -> QuerySet[Run]:
    """Return the runs to choose from."""
    return Run.objects.order_by("created_at")


def run(job: Job[Run]) -> None:
    """Import one directory, and write into the run what came of it."""
    from posthouse.directory.opening import service_line  # loads the LDAP library, for which few processes have use

    row = job.row
    if row.attempts > ATTEMPTS:
        _failed(row, "The import was broken off each time it was tried. The log of this server says more.")
        return
    connection = row.connection
    job.note(started_at=Coalesce(F("started_at"), Now()))
    try:
        line = service_line(connection)
        try:
            job.note(host=line.host[:253])
            _Import(job, line).run()
        finally:
            line.close()
    except Cancelled:
        row.refresh_from_db(fields=["cancelled_by"])
        leases.fail(row, _cancelled(row.cancelled_by))
    except (DirectoryError, Stopped) as error:
        _failed(row, str(error))


class _Import:
    """One run's work."""

    def __init__(self, job: Job[Run], line: Directory) -> None:
        self.job, self.line = job, line
        self.row = job.row
        self.connection = job.row.connection
        self.now = timezone.now()
        self.preview = self.row.kind == Run.Kind.PREVIEW

    def run(self) -> None:
        """Read, write, and switch off. Raises DirectoryError, Stopped, Cancelled; LostLease and Stopping by the job."""
        reading = Reading(self.line, self.connection.plan(), self.now)
        writer = Writer(self.connection, self.now, dry=self.preview)
        for some in _chunks(self._people(reading), CHUNK):
            self._go_on()
            writer.write(some)
            self.job.note(**vars(writer.counts))
        self._go_on()
        writer.finish()
        self.job.note(**vars(writer.counts))
        if self.row.full:
            missing = switching.missing(self.connection, writer.seen)
            if missing and not writer.counts.seen:
                raise Incomplete(
                    f"The directory answered without an error, but with nobody, although {len(missing)} active accounts"
                    " come from it. Nobody was switched off.",
                    "Check base and filter, and what the account of this server may read.",
                )
            writer.off |= missing
        if self.preview:
            self._show(writer)
            return
        deactivated = switching.switch_off(self.connection, writer.off)
        self.job.note(deactivated=deactivated)
        self._succeeded(reading)

    def _people(self, reading: Reading) -> Iterator[Person]:
        """Yield whom the run is about, and note whether that is everybody."""
        if not self.row.full:
            again = Conflict.objects.filter(connection=self.connection).values_list("uid", flat=True)[:MOST_AGAIN]
            try:
                changed = reading.changed(self.connection.position, list(again), self._had)
            except Everybody as reason:
                self.job.note(full=True, why_full=str(reason)[:200])
            else:
                return changed
        return reading.everybody()

    def _had(self, groups: set[str]) -> list[str]:
        """Return the identities of the people who were in one of some groups when they were last read."""
        stored = Entry.objects.filter(connection=self.connection.pk).values_list("uid", "groups")
        return [uid for uid, names in stored.iterator(chunk_size=5_000) if not groups.isdisjoint(names)]

    def _go_on(self) -> None:
        self.job.check()
        if Run.objects.filter(pk=self.row.pk).exclude(cancelled_by="").exists():
            raise Cancelled

    def _show(self, writer: Writer) -> None:
        """Keep what a preview has found out."""
        shown = Entry.objects.filter(user__in=sorted(writer.off)[:SAMPLE]).select_related("user")
        writer.sample["off"] = [
            {"login": entry.user.login, "name": entry.user.name, "email": entry.user.email, "dn": entry.dn}
            for entry in shown
        ]
        self.job.note(deactivated=len(writer.off), sample=writer.sample)

    def _succeeded(self, reading: Reading) -> None:
        fields = {"position": reading.position, "failures": 0, "failing_since": None}
        if self.row.full:
            fields["full_at"] = self.now
            Conflict.objects.filter(connection=self.connection, seen_at__lt=self.now).delete()
        with transaction.atomic():
            if not leases.finish(self.row):
                return
            before = Connection.objects.select_for_update().get(pk=self.connection.pk)
            Connection.objects.filter(pk=self.connection.pk).update(**fields)
            _forget_idle(self.row)
            telling.well_again(before)


def _failed(row: Run, error: str) -> None:
    with transaction.atomic():
        if not leases.fail(row, error):
            return
        log.warning("import failed", directory=row.connection.name, reason=error)
        if row.kind == Run.Kind.PREVIEW:
            return
        connections = Connection.objects.filter(pk=row.connection_id)
        connections.update(
            failures=F("failures") + 1,
            failing_since=Coalesce(F("failing_since"), timezone.now()),
        )
        telling.failed(connections.get(), error)


def _cancelled(by: str) -> str:
    return f"{by} has cancelled it. What it had written by then stays."


def _forget_idle(row: Run) -> None:
    """Keep the history readable: of the automatic imports that found nothing to do, only the last one stays."""
    idle = Run.objects.filter(
        kind=Run.Kind.AUTOMATIC, state=State.DONE, added=0, changed=0, deactivated=0, connection_id=row.connection_id
    )
    idle.filter(created_at__lt=row.created_at).delete()


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
