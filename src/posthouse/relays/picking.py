"""Picking the next relay: what turns.py decides from, read with as many queries for 100,000 relays as for 100.

All that is read of the queue are the heads of its lanes, each by one look at an index. A pick is a compare-and-set
twice: on the link, whose `picks` it counts, so that two workers never both believe that there is room; and on the
relay, by its fencing number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.relays import turns
from posthouse.relays.models import Link, Priority, Relay, Size
from posthouse.relays.turns import Head, Running, Way

TURN_SECONDS = 60.0
"""How long a relay runs before it may have to let somebody else's go first."""
TRIES = 20
LANES = [(state, size) for state in (State.QUEUED, State.DEFERRED, State.HELD) for size in Size.values]


def claim(holder: str) -> Relay | None:
    """Claim the relay that starts next at this worker; None when none may."""
    leases.take_back_ended(Relay)
    if not Relay.objects.filter(state__in=(State.QUEUED, State.DEFERRED, State.HELD)).exists():
        return None  # what each worker asks each second shall cost little where nothing is to be done
    places = settings.POSTHOUSE.relay_workers
    for _ in range(TRIES):
        ways = _ways()
        running = _running(lambda relay: relay.lease_holder == holder)
        starting = turns.order(ways, _heads(ways), running, places) if ways else []
        if not starting:
            return None
        known = {way.server: way for way in ways}
        for head in starting:
            row = _take(head, known[head.server], holder)
            if row is not None:
                return row
    return None  # others are quicker; the next look is in a second


def tend(jobs: Sequence[Job[Relay]]) -> None:
    """Have a relay that has run for long step aside, when somebody else's could start in its place."""
    long = {job.row.pk: job for job in jobs if job.seconds >= TURN_SECONDS}
    if not long or any(job.stepping_aside for job in jobs):
        return
    ways = _ways()
    running = _running({job.row.pk for job in jobs}.__contains__, key=lambda relay: relay.pk)
    mine = [one for one in running if one.relay in long]
    one = turns.gives_way(ways, _heads(ways), running, settings.POSTHOUSE.relay_workers, mine)
    if one is not None:
        job = long[one.relay]
        Relay.objects.filter(pk=one.relay, fence=job.row.fence).update(rank=one.rank)
        job.step_aside()


def ranks(servers: Iterable[UUID], sender: UUID, size_class: int) -> dict[UUID, int]:
    """Return where a new relay of a sender queues, for each of these destinations."""
    lane = Relay.objects.filter(destination=OuterRef("pk"), size_class=size_class)
    waiting = lane.filter(state=State.QUEUED, priority=Priority.NORMAL)
    own = lane.filter(sender=sender)
    looks: dict[str, Any] = {"first": _first(waiting.order_by("rank"), "rank")}
    for state in (State.QUEUED, State.ACTIVE):
        last = own.filter(state=state).order_by("-rank")
        looks |= {f"{state}_rank": _first(last, "rank"), f"{state}_size": _first(last, "size")}
    found = {}
    for row in Server.objects.filter(pk__in=list(servers)).annotate(**looks).values("pk", *looks):
        after = [
            row[f"{state}_rank"] + turns.cost(row[f"{state}_size"])
            for state in (State.QUEUED, State.ACTIVE)
            if row[f"{state}_rank"] is not None
        ]
        found[row["pk"]] = max([row["first"] or 0, *after])
    return found


def _ways() -> list[Way]:
    """Return the links that may be used now."""
    open_ = Link.objects.filter(Q(failures=0) | Q(next_try_at__lte=Now()) | Q(next_try_at=None), held_by="")
    fields = ("server_id", "failures", "window", "picks", "picked_at")
    return [
        Way(server, failures, window, picks, picked.timestamp() if picked else 0.0)
        for server, failures, window, picks, picked in open_.values_list(*fields)
    ]


def _running(here: Callable[[Any], bool], key: Callable[[Relay], Any] = lambda relay: relay) -> list[Running]:
    """Return what runs, at all workers. There are never many."""
    return [
        Running(
            relay.pk,
            relay.destination_id,
            relay.sender_id,
            relay.size_class,
            here(key(relay)),
            relay.priority,
            relay.rank + turns.cost(max(relay.done - relay.begun, 0)),
        )
        for relay in Relay.objects.filter(state=State.ACTIVE)
    ]


def _heads(ways: Sequence[Way]) -> list[Head]:
    """Return the head of each lane of these links."""
    lanes = Relay.objects.filter(destination=OuterRef("pk"))
    looks = {}
    for state, size in LANES:
        lane = lanes.filter(state=state, size_class=size)
        if state == State.QUEUED:
            lane = lane.filter(next_try_at=None).order_by("priority", "rank", "id")
        else:
            lane = lane.filter(next_try_at__lte=Now()).order_by("next_try_at")
        looks[f"{state}_{size}"] = _first(lane, "pk")
    rows = Link.objects.filter(server__in=[way.server for way in ways]).annotate(**looks).values_list(*looks)
    first = [pk for row in rows for pk in row if pk is not None]
    fields = ("pk", "destination_id", "sender_id", "size_class", "fence", "priority", "rank", "state")
    found = Relay.objects.filter(pk__in=first).values_list(*fields)
    return [
        Head(relay, server, sender, size_class, fence, priority, rank, state != State.QUEUED)
        for relay, server, sender, size_class, fence, priority, rank, state in found
    ]


def _take(head: Head, way: Way, holder: str) -> Relay | None:
    now = timezone.now()
    with transaction.atomic():
        same = Link.objects.filter(server=way.server, picks=way.picks, failures=way.failures)
        if not same.update(picks=F("picks") + 1, picked_at=now):
            return None  # another worker was here meanwhile: there may be no room any more
        return leases.take(Relay, head.relay, head.fence, holder, started_at=now, begun=F("done"))


def _first(rows: QuerySet[Relay], field: str) -> Subquery:
    return Subquery(rows.values(field)[:1])
