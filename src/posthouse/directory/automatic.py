"""Imports that start by themselves, and what is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, Q
from django.utils import timezone

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.directory import runs
from posthouse.directory.models import Connection, Run, Tries
from posthouse.jobs.models import State

LOOK_SECONDS = 15.0
KEEP = timedelta(days=90)


def start_due() -> int:
    """Start the imports that are due, and return how many.

    The first import of a directory is started by an administrator, who has seen whom it brings.
    """
    if servers.this().role == Server.Role.SLAVE:
        return 0
    last = Max("runs__created_at", filter=~Q(runs__kind=Run.Kind.PREVIEW))
    connections = Connection.objects.filter(enabled=True).exclude(full_at=None).annotate(last=last)
    busy = set(Run.objects.filter(state__in=runs.OPEN).values_list("connection_id", flat=True))
    now, started = timezone.now(), 0
    for connection in connections:
        if connection.pk not in busy and is_due(connection, connection.last, now):
            runs.start(connection, Run.Kind.AUTOMATIC, full=wants_all(connection, now))
            started += 1
    return started


def is_due(connection: Connection, last: datetime | None, now: datetime) -> bool:
    """Return whether a directory should be imported now."""
    return last is None or now - last >= timedelta(minutes=connection.minutes)


def wants_all(connection: Connection, now: datetime) -> bool:
    """Return whether everything should be read: only then is it seen that somebody is gone."""
    return connection.full_at is None or now - connection.full_at >= timedelta(hours=connection.full_hours)


def forget_old() -> int:
    """Delete runs that ended long ago, and log-ins that failed long ago; return how many."""
    now = timezone.now()
    Tries.objects.filter(since__lt=now - timedelta(days=1)).delete()
    return Run.objects.filter(state__in=(State.DONE, State.FAILED), ended_at__lt=now - KEEP).delete()[0]
