"""Relays as work: when they come to be, how they end, and what that makes of their package."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.leases import LostLease
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.packages import lifecycle
from posthouse.packages.models import Delivery, Package
from posthouse.relays import links, picking, telling, turns
from posthouse.relays.decide import tried_long
from posthouse.relays.models import Link, Relay

Status = Package.Status

log = structlog.get_logger("posthouse.relays")

ENDED = (State.DONE, State.FAILED)
GOING = (State.QUEUED, State.ACTIVE, State.DEFERRED, State.HELD)
CANCELLED, REMOVED, LIFETIME = "cancelled", "removed", "lifetime"
BATCH = 500


def enqueue(package: Package) -> None:
    """Have the package relayed: once to each server where some recipient lives, but for this one (R57).

    Call it in the transaction that closes the package.
    """
    away = Delivery.objects.filter(package=package, home__is_self=False).order_by()
    homes = set(away.values_list("home", flat=True).distinct())
    add(package, homes)
    _confirm(package, homes)


def add(package: Package, destinations: Iterable[UUID], *, early: bool = False) -> None:
    """Have a package relayed to these servers, unless it is already. Each queues behind its sender's others.

    The package is closed, but for `early` ones: those begin with what is here of it.
    """
    homes = list(destinations)
    size = turns.size_class(package.size)
    ranks = picking.ranks(homes, package.sender_id, size) if homes else {}
    links.ensure(homes)
    Relay.objects.bulk_create(
        (
            Relay(
                package=package,
                destination_id=home,
                sender_id=package.sender_id,
                size=package.size,
                size_class=size,
                rank=ranks[home],
                early=early,
            )
            for home in homes
        ),
        ignore_conflicts=True,
    )
    wake_on_commit()


def _confirm(package: Package, homes: Collection[UUID]) -> None:
    """Let the relays that began during the upload go on to the end, whatever befell them; and end those to nobody.

    What somebody has cancelled stays so, and shows in the package's status from now on.
    """
    begun = Relay.objects.filter(package=package, early=True)
    kept = begun.filter(destination__in=homes, cancelled_by="")
    leases.requeue(kept.filter(state__in=(State.DEFERRED, State.FAILED), held_by=""))
    kept.update(since=timezone.now(), size=package.size)
    left = list(begun.exclude(destination__in=homes))
    if begun.update(early=False):
        for relay in left:
            cancel(relay, "this server, for nobody whom it is for lives there any more", for_nobody=True)
        settle(package.pk)


def give_up(package: Package) -> None:
    """End the relays of a package whose upload was given up: what has travelled is forgotten on the far side, too."""
    for relay in Relay.objects.filter(package=package).exclude(state__in=ENDED):
        cancel(relay, "this server, for the upload was given up")


def finish(relay: Relay) -> None:
    """End a relay whose package was verified and committed on the far side. Raises LostLease."""
    with transaction.atomic():
        _lock(relay.package_id)
        if not leases.finish(relay, done=relay.size, trouble=""):
            raise LostLease
        links.succeeded(relay.destination_id)
        settle(relay.package_id)


def fail(relay: Relay, error: str, trouble: str = "") -> None:
    """End a relay for good, with the reason in words and its code. Raises LostLease."""
    with transaction.atomic():
        _lock(relay.package_id)
        if not leases.fail(relay, error, trouble=trouble):
            raise LostLease
        settle(relay.package_id)
        _tell(relay, error)
    log.warning("relay failed", relay=str(relay.pk), package=str(relay.package_id), error=error)


def retry(relay: Relay) -> bool:
    """Have a relay tried at once that waits or has failed (M17); False when it is running, or done."""
    with transaction.atomic():
        _lock(relay.package_id)
        if not leases.requeue(Relay.objects.filter(pk=relay.pk)):
            return False
        Relay.objects.filter(pk=relay.pk).update(
            since=timezone.now(), rank=0, cancelled_by="", for_nobody=False, held_by="", trouble=""
        )
        links.ensure([relay.destination_id])
        links.knocked(relay.destination_id)
        settle(relay.package_id)
        wake_on_commit()
    return True


def cancel(relay: Relay, who: str, *, for_nobody: bool = False) -> bool:
    """Have a relay ended on both sides (M17); False when it has ended already.

    One that is for nobody any more has no say in what becomes of its package from then on.

    The worker that runs it loses it, and the next one tells the far side to forget what has arrived. A far side that
    knows nothing of it, or that cannot be reached now, is not waited for: it forgets by itself, in time.
    """
    at_once = relay.fence == 0 or links.in_trouble([relay.destination_id])
    wish = {"cancelled_by": who, "for_nobody": for_nobody}
    if at_once and _end_at_once(relay, cancelled(who), **wish, trouble=CANCELLED):
        return True
    # Also when a worker has taken it at this moment.
    return take_from_worker(relay, rank=0, attempts=0, **wish, held_by="")


def take_from_worker(relay: Relay, **fields: object) -> bool:
    """Put a relay that has not ended back into the queue, changed, whoever holds it; False when it has ended."""
    changed = (
        Relay.objects.filter(pk=relay.pk)
        .exclude(state__in=ENDED)
        .update(
            **{
                "state": State.QUEUED,
                "next_try_at": None,
                "fence": F("fence") + 1,
                "lease_holder": "",
                "lease_until": None,
                "updated_at": timezone.now(),
                **fields,
            }
        )
    )
    if changed:
        wake_on_commit()
    return bool(changed)


def end_removed() -> int:
    """End the relays to servers that were removed from the cluster, running ones too (R67); return how many."""
    ended = 0
    for server in Server.objects.filter(removed_at__isnull=False):
        left = Relay.objects.filter(destination=server, state__in=GOING)
        ended += sum(_end_at_once(relay, removed(server), trouble=REMOVED) for relay in left)
    return ended


def end_old() -> int:
    """End the relays that waited for their whole lifetime, though their link gave them no try; return how many.

    What somebody holds by hand waits until he releases it.
    """
    days = settings.POSTHOUSE.relay_days
    held = Link.objects.exclude(held_by="").values_list("server_id", flat=True)
    old = Relay.objects.filter(
        early=False,
        state__in=(State.QUEUED, State.DEFERRED, State.HELD),
        since__lt=timezone.now() - timedelta(days=days),
        held_by="",
    ).exclude(destination__in=list(held))
    relays = list(old.order_by("since")[:BATCH])
    ways = links.in_trouble(relay.destination_id for relay in relays)
    ended = 0
    for relay in relays:
        way = ways.get(relay.destination_id)
        error = relay.last_error or (way.last_error if way else "Its turn never came.")
        trouble = relay.trouble or (way.trouble if way else "") or LIFETIME
        ended += _end_at_once(relay, f"{error} {tried_long(days)}", trouble=trouble)
    return ended


def removed(server: Server) -> str:
    """Return the reason for which relays to this server end."""
    return f"{server.name} was removed from the cluster."


def cancelled(who: str) -> str:
    """Return the reason for which a cancelled relay ends."""
    return f"Cancelled by {who}."


def settle(package_id: UUID) -> None:
    """Give the package the status that its relays amount to (R60, R61, R62). Call it where the package is locked.

    While it is being uploaded, or when that was given up, they have no say. Nor has one to a server where none of the
    recipients lives any more.
    """
    if Package.objects.filter(pk=package_id, closed_at=None).exists():
        return
    wanted = Relay.objects.filter(package=package_id, for_nobody=False)
    relays = list(wanted.values_list("state", "destination__name", "last_error"))
    failures = [f"{server}: {error}" for state, server, error in relays if state == State.FAILED]
    if failures:
        status = Status.ERROR
    elif all(state == State.DONE for state, _, _ in relays):
        status = Status.COMPLETE
    else:
        status = Status.RELAYING
    for old in (Status.RELAYING, Status.ERROR, Status.COMPLETE):
        if lifecycle.set_status(package_id, old, status, " ".join(failures)):
            break


def _end_at_once(relay: Relay, reason: str, **fields: object) -> bool:
    """End a relay as failed without asking who holds it: with the fencing number raised, he loses it."""
    with transaction.atomic():
        _lock(relay.package_id)
        same = Relay.objects.filter(pk=relay.pk, fence=relay.fence, state=relay.state)
        ended = same.exclude(state__in=ENDED).update(
            **fields,
            state=State.FAILED,
            fence=F("fence") + 1,
            last_error=reason,
            lease_holder="",
            lease_until=None,
            next_try_at=None,
            ended_at=timezone.now(),
            updated_at=timezone.now(),
        )
        if ended:
            settle(relay.package_id)
            relay.cancelled_by = str(fields.get("cancelled_by", relay.cancelled_by))
            _tell(relay, reason)
    return bool(ended)


def _tell(relay: Relay, error: str) -> None:
    """Tell people that a relay has failed. Whoever cancelled one knows it, and its page says it to the others.

    One that failed during the upload is tried again at its end; that may have come since the worker took the relay.
    """
    if not relay.cancelled_by and not Relay.objects.filter(pk=relay.pk, early=True).exists():
        telling.failed(relay, error)


def _lock(package_id: UUID) -> None:
    """Wait for others that end a relay of the same package: of two last ones, the second must see the first."""
    Package.objects.select_for_update().filter(pk=package_id).first()
