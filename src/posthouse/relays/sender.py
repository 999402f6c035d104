"""The sending side of a relay, as a job: one attempt, and what follows from how it went."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from posthouse.cluster.errors import CallError, Kind, Refused
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.leases import LostLease
from posthouse.licensing import licences
from posthouse.packages import manifests
from posthouse.packages.models import Package
from posthouse.relays import early, links, queue, throttle, troubles
from posthouse.relays.decide import GiveUp, NeedsAdministrator, Retry, decide, delay
from posthouse.relays.far import Far, FarServer
from posthouse.relays.lines import Lines
from posthouse.relays.models import Relay
from posthouse.relays.reading import Reading
from posthouse.relays.sending import Sending, StillMissing
from posthouse.store.errors import StoreError

log = structlog.get_logger("posthouse.relays")

TRIES_TO_WITHDRAW = 2

ReachFar = Callable[[Server, UUID, int], Far]


_lines: dict[UUID, Lines] = {}


def by_lines(server: Server, relay: UUID, fence: int) -> Far:
    """Return the far side, by the streams that all relays to this server share."""
    throttle.here.look()  # before the first byte
    lines = _lines.get(server.pk)
    if lines is None:
        lines = _lines.setdefault(
            server.pk, Lines(server.name, gate=throttle.here.gate(server.pk), keep=throttle.here.look)
        )
    return FarServer(server, relay, fence, lines)


def run(job: Job[Relay], reach: ReachFar = by_lines) -> None:
    """Make one attempt at a relay, and end, defer or hold it accordingly. Raises LostLease and Stopping."""
    relay = job.row
    server = relay.destination
    if server.removed_at is not None:
        queue.fail(relay, queue.removed(server), queue.REMOVED)
        return
    if not relay.cancelled_by and (lacking := licences.lacking()):
        _wait_for_licence(relay, lacking)
        return
    far = reach(server, relay.pk, relay.fence)
    try:
        if relay.cancelled_by:
            _withdraw(relay, far)
        else:
            _send(job, far)
    except (CallError, StoreError) as error:
        if isinstance(error, Refused) and error.code == "licence":
            _wait_for_licence(relay, error.message)
        else:
            _after(relay, error)
    else:
        links.works(server.pk)


def _send(job: Job[Relay], far: Far) -> None:
    relay = job.row
    package = Package.objects.get(pk=relay.package_id)
    if package.closed_at is None:
        if not early.send(job, far, package):
            return
        package.refresh_from_db()
        relay.refresh_from_db(fields=("early", "since"))  # its lifetime begins at the end of the upload
    blobs = manifests.blobs(package)
    read = Reading(package, blobs)

    def progress(done: int) -> None:
        done = min(done, package.size)  # packs may have gaps
        if done > relay.done:
            # It got on: what failed before does not count against it any more, nor against its link.
            links.works(relay.destination_id)
            job.note(done=done, attempts=1)
        else:
            job.note(done=done)

    try:
        Sending(far, manifests.of(package, relay.destination, blobs), read, check=job.check, progress=progress).run()
    except Refused as refused:
        if refused.code == "digest":
            read.verify()  # raises what is really wrong, if it is this server's disk
        raise
    except StillMissing as missing:
        # A part that went in stretches is compared as a whole by the far side alone: was it damaged here?
        read.verify_parts(missing.missing)
        raise
    queue.finish(relay)


def _withdraw(relay: Relay, far: Far) -> None:
    """Have the far side forget the relay; after a few tries in vain it will, by itself, in time."""
    try:
        far.withdraw()
    except Refused as refused:
        if refused.code == "committed":
            queue.finish(relay)  # too late: it has arrived
            return
        if refused.kind is not Kind.PERMANENT and relay.attempts < TRIES_TO_WITHDRAW:
            raise
    except CallError:
        if relay.attempts < TRIES_TO_WITHDRAW:
            raise
    queue.fail(relay, queue.cancelled(relay.cancelled_by), queue.CANCELLED)


def _after(relay: Relay, error: CallError | StoreError) -> None:
    """Defer, hold or end a relay after a failed attempt, with the reason in words."""
    words, trouble, kind = str(error), troubles.of(error), Kind(error.kind)
    now = timezone.now()
    chance = random.random()  # noqa: S311 - spreads load, guards nothing
    decision = decide(kind, relay.attempts, relay.since, now, chance, settings.POSTHOUSE.relay_days)
    if trouble.of_link and not isinstance(decision, GiveUp):
        decision = type(decision)(links.failed(relay.destination_id, words, trouble.code, relay.started_at))
    next_try = None if isinstance(decision, GiveUp) else decision.when.isoformat(timespec="seconds")
    log.info(
        "relay stopped",
        relay=str(relay.pk),
        server=relay.destination.name,
        trouble=trouble.code,
        error=words,
        next_try=next_try,
    )
    match decision:
        case Retry(when):
            ours = leases.defer(relay, words, when, trouble=trouble.code)
        case NeedsAdministrator(when):
            ours = leases.hold(relay, words, when, trouble=trouble.code)
        case GiveUp(because):
            queue.fail(relay, f"{words} {because}".strip(), trouble.code)
            return
    if not ours:
        raise LostLease


def _wait_for_licence(relay: Relay, lacking: str) -> None:
    """Hold a relay until one of the two servers has a licence again, for as long as it takes: its life stands still."""
    now = timezone.now()
    when = now + delay(relay.attempts, random.random())  # noqa: S311 - spreads load, guards nothing
    if not leases.hold(relay, lacking, when, since=now, trouble="licence"):
        raise LostLease
