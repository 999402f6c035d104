"""Who may work on an arrival: its sender, and of the sender's workers the one that began last.

The sender's fencing number is noted in the arrival, and every write names it, so that a worker that was overtaken
changes nothing.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from django.utils import timezone

from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.incoming import require_same_version
from posthouse.cluster.signatures import Caller
from posthouse.relays.models import Arrival

State = Arrival.State

log = structlog.get_logger("posthouse.relays")


def enter(caller: Caller, relay: UUID) -> Arrival:
    """Return the arrival that the caller may work on, and note his fencing number.

    Raises Refusal for another server's arrival, for one that is not known, and for a number that was overtaken.
    """
    require_same_version(caller)
    fence = number_of(caller)
    # The manifest may be megabytes, and for most calls nobody looks at it.
    arrival = Arrival.objects.defer("manifest").filter(pk=relay).first()
    if arrival is None:
        raise Refusal(404, "This relay is not known here. It must be offered first.", Kind.TEMPORARY, "unoffered")
    if arrival.source_id != caller.server.pk:
        log.warning("relay refused", relay=str(relay), caller=caller.server.name, reason="it is another server's")
        raise Refusal(403, f"This relay is not one of {caller.server.name}'s.")
    if fence > arrival.fence:
        Arrival.objects.filter(pk=relay, fence__lt=fence).update(fence=fence)
        arrival.refresh_from_db()
    if fence < arrival.fence:
        raise _overtaken()
    return arrival


def progress(arrival: Arrival) -> None:
    """Note, in the transaction that records parts, that the arrival goes on. Raises Refusal for an overtaken sender."""
    rows = Arrival.objects.filter(pk=arrival.pk, state__in=(State.OFFERED, State.ARRIVING), fence=arrival.fence)
    if not rows.update(updated_at=timezone.now()):
        raise _overtaken()


def advance(arrival: Arrival, state: str, /, **changes: object) -> bool:
    """Change an arrival that is in this state and whose sender was not overtaken; False when it is not so."""
    rows = Arrival.objects.filter(pk=arrival.pk, state=state, fence=arrival.fence)
    return bool(rows.update(**changes, updated_at=timezone.now()))


def number_of(caller: Caller) -> int:
    """Return the fencing number that a call carries. Raises Refusal when there is none."""
    if caller.fence is None:
        raise Refusal(400, "The call carries no fencing number.")
    return caller.fence


def _overtaken() -> Refusal:
    return Refusal(409, "Another worker of the sending server has taken over this relay.", Kind.TEMPORARY, "fence")
