"""Relays as work: when they come to be, how they end, and what that makes of their package."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.leases import LostLease
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.packages import lifecycle
from posthouse.packages.models import Delivery, Package
from posthouse.relays import telling
from posthouse.relays.models import Link, Relay

Status = Package.Status

log = structlog.get_logger("posthouse.relays")

ENDED = (State.DONE, State.FAILED)


def enqueue(package: Package) -> None:
    """Have the package relayed: once to each server where some recipient lives, but for this one (R57).

    Call it in the transaction that closes the package.
    """
    homes = (
        Delivery.objects.filter(package=package, home__is_self=False)
        .order_by()
        .values_list("home", flat=True)
        .distinct()
    )
    Relay.objects.bulk_create(
        [Relay(package=package, destination_id=home, size=package.size) for home in homes], ignore_conflicts=True
    )
    wake_on_commit()


def finish(relay: Relay) -> None:
    """End a relay whose package was verified and committed on the far side. Raises LostLease."""
    with transaction.atomic():
        _lock(relay.package_id)
        if not leases.finish(relay, done=relay.size):
            raise LostLease
        settle(relay.package_id)


def fail(relay: Relay, error: str) -> None:
    """End a relay for good, with the reason in words. Raises LostLease."""
    with transaction.atomic():
        _lock(relay.package_id)
        if not leases.fail(relay, error):
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
        Relay.objects.filter(pk=relay.pk).update(since=timezone.now(), cancelled_by="")
        Link.objects.filter(server=relay.destination_id).update(next_try_at=timezone.now())
        settle(relay.package_id)
        wake_on_commit()
    return True


def cancel(relay: Relay, who: str) -> bool:
    """Have a relay ended on both sides (M17); False when it has ended already.

    The worker that runs it loses it, and the next one tells the far side to forget what has arrived. A far side that
    knows nothing of it, or that cannot be reached now, is not waited for: it forgets by itself, in time.
    """
    if relay.fence == 0 or Link.objects.filter(server=relay.destination_id).exists():
        return _end_at_once(relay, cancelled(who), cancelled_by=who)
    changed = (
        Relay.objects.filter(pk=relay.pk)
        .exclude(state__in=ENDED)
        .update(
            state=State.QUEUED,
            attempts=0,
            next_try_at=None,
            fence=F("fence") + 1,
            lease_holder="",
            lease_until=None,
            cancelled_by=who,
            updated_at=timezone.now(),
        )
    )
    if changed:
        wake_on_commit()
    return bool(changed)


def end_removed() -> int:
    """End the relays to servers that were removed from the cluster, running ones too (R67); return how many."""
    gone = Relay.objects.filter(~Q(state__in=ENDED), destination__removed_at__isnull=False)
    return sum(_end_at_once(relay, removed(relay.destination)) for relay in gone.select_related("destination"))


def removed(server: Server) -> str:
    """Return the reason for which relays to this server end."""
    return f"{server.name} was removed from the cluster."


def cancelled(who: str) -> str:
    """Return the reason for which a cancelled relay ends."""
    return f"Cancelled by {who}."


def settle(package_id: UUID) -> None:
    """Give the package the status that its relays amount to (R60, R61, R62). Call it where the package is locked."""
    relays = list(Relay.objects.filter(package=package_id).values_list("state", "destination__name", "last_error"))
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
    """Tell people that a relay has failed. Whoever cancelled one knows it, and its page says it to the others."""
    if not relay.cancelled_by:
        telling.failed(relay, error)


def _lock(package_id: UUID) -> None:
    """Wait for others that end a relay of the same package: of two last ones, the second must see the first."""
    Package.objects.select_for_update().filter(pk=package_id).first()
