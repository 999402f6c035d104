"""How the queue stands: what runs and waits on each link, and how old that is (as Postfix qshape shows it).

Two queries however many relays there are, and none of them reads a row of the queue into memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum

from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.relays import queue, troubles
from posthouse.relays.models import Link, Relay

AGES = (5, 10, 20, 40, 120, 720, 1440)
"""Minutes: the upper ends of the columns; one more column has what is older."""
TITLES = ("5 min", "10 min", "20 min", "40 min", "2 h", "12 h", "1 day", "older")
HEAT = (1, 10, 100, 1000)
"""A cell is drawn warmer from each of these counts on."""


@dataclass(frozen=True)
class Cell:
    """How many relays of one age wait for one server."""

    title: str
    count: int
    heat: int
    """From 0, nothing, to 4."""
    late: bool
    """So old that something may be wrong."""


@dataclass(frozen=True)
class Row:
    """The way to one server."""

    server: Server
    kind: str
    """Of its badge: ok, busy, wait, error or off."""
    status: str
    error: str
    cure: str
    next_try_at: datetime | None
    held: bool
    running: int
    window: int
    waiting: int
    bytes_left: int
    cells: Sequence[Cell] = field(default_factory=tuple)


def rows(now: datetime) -> list[Row]:
    """Return the ways to all servers of the cluster, and to removed ones that something still waits for."""
    counts = _counts(now)
    links = Link.objects.in_bulk()
    servers = Server.objects.filter(is_self=False).filter(Q(removed_at=None) | Q(pk__in=list(counts)))
    return [_row(server, links.get(server.pk), counts.get(server.pk, {})) for server in servers.order_by("name")]


def ages(counts: Sequence[int]) -> list[Cell]:
    """Return the cells of a row from its counts by age. Pure."""
    return [
        Cell(title, count, sum(count >= step for step in HEAT), late=number >= 4)
        for number, (title, count) in enumerate(zip(TITLES, counts, strict=True))
    ]


def _counts(now: datetime) -> dict[UUID, Any]:
    ends = [now - timedelta(minutes=minutes) for minutes in AGES]
    columns: dict[str, Any] = {"age0": Count("pk", filter=Q(since__gt=ends[0]))}
    for number, (newer, older) in enumerate(pairwise(ends), 1):
        columns[f"age{number}"] = Count("pk", filter=Q(since__lte=newer, since__gt=older))
    columns[f"age{len(AGES)}"] = Count("pk", filter=Q(since__lte=ends[-1]))
    found = (
        Relay.objects.filter(state__in=queue.GOING)
        .order_by()
        .values("destination")
        .annotate(
            **columns,
            running=Count("pk", filter=Q(state=State.ACTIVE)),
            total=Count("pk"),
            size_sum=Sum("size"),
            done_sum=Sum("done"),
        )
    )
    return {one["destination"]: one for one in found}


def _row(server: Server, link: Link | None, counts: Mapping[str, int]) -> Row:
    running, total = counts.get("running", 0), counts.get("total", 0)
    kind, status, error, cure = _state(server, link, running, total)
    failing = link is not None and link.failures > 0
    return Row(
        server=server,
        kind=kind,
        status=status,
        error=error,
        cure=cure,
        next_try_at=link.next_try_at if link and failing else None,
        held=bool(link and link.held_by),
        running=running,
        window=link.window if link else 0,
        waiting=total - running,
        bytes_left=max(0, counts.get("size_sum", 0) - counts.get("done_sum", 0)),
        cells=ages([counts.get(f"age{number}", 0) for number in range(len(TITLES))]),
    )


def _state(server: Server, link: Link | None, running: int, total: int) -> tuple[str, str, str, str]:
    if server.removed_at is not None:
        return "off", "Removed", "", ""
    if link and link.held_by:
        return "off", "Held", f"Held by {link.held_by}: nothing is relayed to {server.name} until it is released.", ""
    if link and link.failures:
        trouble = troubles.TABLE.get(link.trouble)
        return "error", trouble.title if trouble else "Not reached", link.last_error, trouble.cure if trouble else ""
    if running:
        return "busy", "Relaying", "", ""
    return ("wait", "Waiting", "", "") if total else ("ok", "Idle", "", "")
