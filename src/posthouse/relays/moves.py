"""Relays of packages to people whose home server has changed since they were planned.

A relay follows its recipients for as long as it has brought nothing: the plan is made anew, for those who have moved
and for those who stay. Once bytes are there it goes on as it was planned, and the package lies at the old home server,
like those that came before the move (R68). Nobody gets it twice, and nobody loses it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

import structlog
from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.cluster.signals import was_reset
from posthouse.jobs.models import State
from posthouse.packages import lifecycle
from posthouse.packages.models import Delivery, Package
from posthouse.relays import queue
from posthouse.relays.models import Arrival, Relay
from posthouse.relays.receiver import forget

BATCH = 200
UNTOUCHED = Q(done=0, state__in=(State.QUEUED, State.DEFERRED, State.HELD), cancelled_by="")

log = structlog.get_logger("posthouse.relays")


def follow() -> int:
    """Plan anew the relays that have brought nothing, to people who have moved; return how many packages' plans."""
    here = servers.this()
    homeless = (servers.master() or here).pk
    now_at = Coalesce(F("recipient__home"), Value(homeless, output_field=models.UUIDField()))
    moved = (
        Delivery.objects.filter(package__status=Package.Status.RELAYING, package__origin=here, package__ended_at=None)
        .filter(recipient__local=False, home__is_self=False)
        .annotate(now_at=now_at)
        .exclude(now_at=F("home_id"))
    )
    packages = list(moved.order_by().values_list("package", flat=True).distinct()[:BATCH])
    return sum(_follow(package, here.pk, moved) for package in packages)


def _follow(package_id: UUID, here: UUID, moved: models.QuerySet[Any]) -> bool:
    with transaction.atomic():
        package = Package.objects.select_for_update().get(pk=package_id)
        free = set(Relay.objects.filter(UNTOUCHED, package=package).values_list("destination", flat=True))
        taken = set(Relay.objects.filter(~UNTOUCHED, package=package).values_list("destination", flat=True))
        changes: defaultdict[UUID, list[UUID]] = defaultdict(list)
        left: set[UUID] = set()
        for delivery, old, new in moved.filter(package=package).values_list("pk", "home", "now_at"):
            # A manifest that is there says who lives there: it is too late to add somebody.
            if old in free and new not in taken:
                changes[new].append(delivery)
                left.add(old)
        touched = (left | set(changes)) - {here}
        # Relays that somebody has begun meanwhile keep their plan: then nothing is changed at all.
        again = Relay.objects.filter(UNTOUCHED, package=package, destination__in=touched)
        held = dict(again.exclude(held_by="").values_list("destination", "held_by"))
        if not changes or again.delete()[0] != len(touched & free):
            transaction.set_rollback(True)
            return False
        for home, deliveries in changes.items():
            Delivery.objects.filter(pk__in=deliveries).update(home=home)
        homes = package.deliveries.filter(home__in=touched).order_by().values_list("home", flat=True).distinct()
        queue.add(package, homes)
        for destination, who in held.items():
            Relay.objects.filter(package=package, destination=destination).update(state=State.HELD, held_by=who)
        if package.release_at is None:
            lifecycle.open_deliveries(package)
        queue.settle(package.pk)
    log.info("planned anew", package=str(package_id), moved=sum(map(len, changes.values())))
    return True


def forget_arrivals(left: list[Server], **_: object) -> None:
    """When this server leaves its cluster, forget what was on its way to it: nobody will go on with it."""
    for arrival in Arrival.objects.filter(source__in=left).exclude(state=Arrival.State.COMMITTED):
        forget(arrival)


was_reset.connect(forget_arrivals)
