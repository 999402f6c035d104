"""What administrators do by hand beside retry and cancel: hold, release, put first or last; and all of a link."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.packages.models import Package
from posthouse.relays import links, queue
from posthouse.relays.models import Link, Priority, Relay

MOST = 500
"""Relays of a link that one act reaches: the page says when there are more."""
REMEMBERED = timedelta(days=30)


def hold(relay: Relay, who: str) -> bool:
    """Have a relay wait until it is released, whatever it is doing; False when it has ended, or is held already."""
    fresh = Relay.objects.filter(pk=relay.pk, held_by="", cancelled_by="").first()
    return fresh is not None and queue.take_from_worker(fresh, state=State.HELD, held_by=who)


def release(relay: Relay) -> bool:
    """Let a relay go on that was held by hand; False when it was not."""
    released = (
        Relay.objects.filter(pk=relay.pk, state=State.HELD)
        .exclude(held_by="")
        .update(
            state=State.QUEUED,
            held_by="",
            attempts=0,
            next_try_at=None,
            since=timezone.now(),
            updated_at=timezone.now(),
        )
    )
    wake_on_commit()
    return bool(released)


def prioritise(package: Package, priority: Priority) -> int:
    """Put the relays of a package that have not ended first, last, or where they belong; return how many."""
    return Relay.objects.filter(package=package, state__in=queue.GOING).update(priority=priority)


def hold_link(server: Server, who: str) -> bool:
    """Have all relays to a server wait, those that run too, until its link is released; False when it is held."""
    links.ensure([server.pk])
    with transaction.atomic():
        if not Link.objects.filter(server=server, held_by="").update(held_by=who):
            return False
        for relay in Relay.objects.filter(destination=server, state=State.ACTIVE):
            queue.take_from_worker(relay)
    return True


def release_link(server: Server) -> bool:
    """Let the relays to a server go on; False when its link was not held."""
    released = Link.objects.filter(server=server).exclude(held_by="").update(held_by="")
    wake_on_commit()
    return bool(released)


def retry_link(server: Server) -> int:
    """Have all relays to a server tried at once that wait after an error, or have failed lately; return how many.

    What was cancelled, or is held by hand, stays as it is. So do the relays of packages that have ended.
    """
    now = timezone.now()
    with transaction.atomic():
        links.ensure([server.pk])
        Link.objects.filter(server=server).update(
            failures=0, next_try_at=None, last_error="", trouble="", failed_at=None, probe_at=None
        )
        tried = Relay.objects.filter(destination=server, held_by="", cancelled_by="", package__ended_at=None)
        waiting = _keys(tried.filter(state__in=(State.DEFERRED, State.HELD)))
        failed = _keys(tried.filter(state=State.FAILED, ended_at__gt=now - REMEMBERED), MOST - len(waiting))
        again = {"attempts": 0, "next_try_at": None, "since": now, "updated_at": now}
        count = Relay.objects.filter(pk__in=waiting, state__in=(State.DEFERRED, State.HELD)).update(
            **again, state=State.QUEUED
        )
        old = Relay.objects.filter(pk__in=failed, state=State.FAILED)
        packages = set(old.values_list("package_id", flat=True))
        count += old.update(**again, state=State.QUEUED, ended_at=None, trouble="")
        for package in packages:
            queue.settle(package)
        wake_on_commit()
    return count


def cancel_link(server: Server, who: str) -> int:
    """End all relays to a server that have not ended, on both sides; return how many."""
    going = Relay.objects.filter(destination=server, state__in=queue.GOING, cancelled_by="").order_by("created_at")
    return sum(queue.cancel(relay, who) for relay in going.select_related("package", "destination")[:MOST])


def _keys(relays: QuerySet[Relay], most: int = MOST) -> list[UUID]:
    return list(relays.order_by("created_at").values_list("pk", flat=True)[:most])
