"""Dispatches on their way out: written in the transaction of what they tell, sent in their order until they are heard.

Numbers grow with the clock, so that a server whose database was restored from a backup does not use again those that
the others have heard already; they never go back, whatever the clock does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from posthouse.cluster import calls
from posthouse.cluster.errors import CallError
from posthouse.cluster.models import Server
from posthouse.dispatches.models import Channel, Dispatch
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit

BATCH = 500
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
TIMEOUT_SECONDS = 60.0
ENDED = (State.DONE, State.FAILED)

log = structlog.get_logger("posthouse.dispatches")


def tell(servers: Iterable[UUID], kind: str, package_id: UUID, facts: dict[str, Any]) -> None:
    """Have other servers told of something. Call it in the transaction that makes it true."""
    # In the same order everywhere, so that two transactions that tell several servers do not wait for one another.
    for server_id in sorted(servers):
        Channel.objects.get_or_create(server_id=server_id)
        channel = Channel.objects.select_for_update().get(server_id=server_id)
        number = max(channel.number + 1, time.time_ns() // 1000)
        Dispatch.objects.create(server_id=server_id, number=number, kind=kind, package_id=package_id, facts=facts)
        Channel.objects.filter(pk=channel.pk).update(number=number)
        Channel.objects.filter(pk=channel.pk, state__in=ENDED).update(
            state=State.QUEUED, attempts=0, next_try_at=None, ended_at=None
        )
    wake_on_commit()


def due() -> QuerySet[Channel]:
    """Return the channels to choose from: those on which something waits, to servers that are still there."""
    waiting = Dispatch.objects.filter(server=OuterRef("server"))
    return Channel.objects.filter(Exists(waiting), server__removed_at=None).order_by("updated_at")


def send(job: Job[Channel]) -> None:
    """Tell one server all that waits for it, batch after batch."""
    channel = job.row
    try:
        while batch := list(Dispatch.objects.filter(server=channel.server_id).order_by("number")[:BATCH]):
            job.check()
            _forget(channel, _call(channel.server, batch))
    except CallError as error:
        pause = min(FIRST_PAUSE * 2 ** min(channel.attempts - 1, 10), LONGEST_PAUSE)
        pause *= 0.75 + random.random() / 2  # noqa: S311 - spreads load, guards nothing
        leases.defer(channel, error.message, timezone.now() + timedelta(seconds=pause))
        log.info("dispatches wait", server=channel.server.name, reason=error.message)
        return
    with transaction.atomic():
        # Whatever was written since the last look finds the channel ended, or is found here.
        Channel.objects.select_for_update().get(pk=channel.pk)
        if Dispatch.objects.filter(server=channel.server_id).exists():
            leases.release(channel)
        else:
            leases.finish(channel)


def _call(server: Server, batch: list[Dispatch]) -> int:
    document = [
        {"number": one.number, "kind": one.kind, "package": str(one.package_id), "facts": one.facts} for one in batch
    ]
    answer = calls.call(server, "POST", "dispatches/", json={"dispatches": document}, timeout=TIMEOUT_SECONDS).json()
    return int(answer["heard"])


def _forget(channel: Channel, heard: int) -> None:
    """Delete what was heard. A far side that heard nothing new would be asked for ever: that counts as a failure."""
    if not Dispatch.objects.filter(server=channel.server_id, number__lte=heard).delete()[0]:
        raise CallError(f"{channel.server.name} did not take what it was told of packages. It is tried again.")


def forget_removed() -> int:
    """Delete what waits for servers that were removed from the cluster; return how many."""
    return Dispatch.objects.filter(server__removed_at__isnull=False).delete()[0]
