"""Doing a sync in a test as the worker does, and looking at what came of it."""

from __future__ import annotations

from typing import Any

from posthouse.cluster.models import Server
from posthouse.jobs import leases, worker
from posthouse.jobs.job import Job
from posthouse.sync import runs
from posthouse.sync.models import Copy, Run
from tests.cluster.far import Far

ALL = (
    "from posthouse.accounts.models import User\n"
    "result = sorted([u.login, u.name, u.is_active, u.local, bool(u.removed_at), u.home.name if u.home else None]\n"
    "    for u in User.objects.all())"
)


def sync(server: Server, kind: str = Run.Kind.MANUAL) -> Run:
    """Do a whole sync, as the worker does."""
    runs.start(server, kind)
    return work(server)


def work(server: Server) -> Run:
    """Do the sync that is waiting."""
    row = leases.claim(runs.due().filter(server=server), "test")
    assert row is not None
    worker.perform(worker.Kind("sync", runs.due, runs.run), Job(row))
    row.refresh_from_db()
    return row


def copy_of(server: Server) -> Copy:
    return Copy.objects.get(server=server)


def people(far: Far) -> dict[str, list[Any]]:
    return {row[0]: row[1:] for row in far.run(ALL) if not row[4]}
