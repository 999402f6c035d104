"""Syncs that start by themselves: soon after a change, and from time to time to prove that all is equal (R26, D8)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.licensing import licences
from posthouse.sync import feed, marks, runs
from posthouse.sync.models import Copy, Rhythm, Run

LOOK_SECONDS = 2.0
KEEP = timedelta(days=90)


def start_due() -> int:
    """Start the automatic syncs that are due, and return how many.

    Only slaves that are OK are synced automatically (R21). One that could not be synced is tried again after the
    interval, however much changes meanwhile.
    """
    if servers.this().role != Server.Role.MASTER or licences.lacking():
        return 0  # without a licence that is no failure of the slaves: they are synced again when there is one
    newest, now = feed.counter(), timezone.now()
    waiting = Copy.objects.filter(status=Copy.Status.OK, server__removed_at=None).select_related("server")
    interval = timedelta(seconds=Rhythm.in_force().interval)
    busy = set(Run.objects.filter(state__in=runs.OPEN).values_list("server_id", flat=True))
    started = 0
    for copy in waiting:
        if copy.server_id not in busy and is_due(copy, newest, _last_try(copy), now, interval):
            try:
                runs.start(copy.server, Run.Kind.AUTOMATIC)
            except runs.NotPossible:  # it was removed at this moment
                continue
            started += 1
    return started


def is_due(copy: Copy, newest: int, last_try: datetime | None, now: datetime, interval: timedelta) -> bool:
    """Return whether a slave that is OK should be synced now."""
    if last_try is None or now - last_try >= interval:
        return True
    return copy.failures == 0 and copy.acknowledged < newest


def forget_old() -> int:
    """Delete runs that ended long ago, and marks that no slave can have any more; return how many."""
    ended = Run.objects.filter(state__in=(State.DONE, State.FAILED), ended_at__lt=timezone.now() - KEEP)
    return ended.delete()[0] + marks.forget_old()


def _last_try(copy: Copy) -> datetime | None:
    return Run.objects.filter(server=copy.server).order_by("-created_at").values_list("created_at", flat=True).first()
