"""The sending side of a relay, as a job: one attempt, and what follows from how it went."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from uuid import UUID

import structlog
from django.utils import timezone

from posthouse.cluster.errors import CallError, Kind, Refused
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.leases import LostLease
from posthouse.licensing import licences
from posthouse.packages import manifests
from posthouse.packages.models import File, Package
from posthouse.relays import links, queue, throttle
from posthouse.relays.decide import GiveUp, NeedsAdministrator, Retry, decide, delay
from posthouse.relays.far import Far, FarServer
from posthouse.relays.lines import Lines
from posthouse.relays.models import Relay
from posthouse.relays.sending import Sending
from posthouse.store import blobs
from posthouse.store.errors import StoreError
from posthouse.store.models import Blob

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
        queue.fail(relay, queue.removed(server))
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
    except CallError as error:
        if isinstance(error, Refused) and error.code == "licence":
            _wait_for_licence(relay, error.message)
        else:
            _after(relay, error.message, error.kind, of_link=_of_link(error))
    except StoreError as error:
        _after(relay, str(error), Kind(error.kind), of_link=False)
    else:
        links.works(server.pk)


def _send(job: Job[Relay], far: Far) -> None:
    relay = job.row
    package = Package.objects.get(pk=relay.package_id)
    contents = {file.number: file.blob for file in File.objects.filter(package=package).select_related("blob")}

    def read(number: int, offset: int, length: int) -> Iterator[bytes]:
        blob: Blob | None = contents[number]
        assert blob is not None, "a closed package has all its contents"  # noqa: S101 - the manifest has seen them
        return blobs.read(blob, offset, length)

    def progress(done: int) -> None:
        if done > relay.done:
            # It got on: what failed before does not count against it any more, nor against its link.
            links.works(relay.destination_id)
            job.note(done=done, attempts=1)
        else:
            job.note(done=done)

    Sending(far, manifests.of(package, job.row.destination), read, check=job.check, progress=progress).run()
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
    queue.fail(relay, queue.cancelled(relay.cancelled_by))


def _after(relay: Relay, error: str, kind: Kind, *, of_link: bool) -> None:
    """Defer, hold or end a relay after a failed attempt, with the reason in words."""
    now = timezone.now()
    chance = random.random()  # noqa: S311 - spreads load, guards nothing
    decision = decide(kind, relay.attempts, relay.since, now, chance)
    if of_link and not isinstance(decision, GiveUp):
        decision = type(decision)(links.failed(relay.destination_id, error))
    next_try = None if isinstance(decision, GiveUp) else decision.when.isoformat(timespec="seconds")
    log.info("relay stopped", relay=str(relay.pk), server=relay.destination.name, error=error, next_try=next_try)
    match decision:
        case Retry(when):
            ours = leases.defer(relay, error, when)
        case NeedsAdministrator(when):
            ours = leases.hold(relay, error, when)
        case GiveUp(because):
            queue.fail(relay, f"{error} {because}".strip())
            return
    if not ours:
        raise LostLease


def _wait_for_licence(relay: Relay, lacking: str) -> None:
    """Hold a relay until one of the two servers has a licence again, for as long as it takes: its life stands still."""
    now = timezone.now()
    when = now + delay(relay.attempts, random.random())  # noqa: S311 - spreads load, guards nothing
    if not leases.hold(relay, lacking, when, since=now):
        raise LostLease


def _of_link(error: CallError) -> bool:
    """Whether no call to that server would have got through, whatever it was about."""
    return not isinstance(error, Refused) and error.kind is not Kind.PERMANENT
