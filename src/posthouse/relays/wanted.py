"""Asking the sender whether what stands still here is still wanted.

Who cancels a relay tells the far side to forget it, but does not wait for a far side that cannot be reached: what had
come of an upload that was given up while the line was down would lie there until it counts as abandoned. So whoever
has such a thing asks for it, now and then, once it has stood still for a while.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from threading import Lock, Thread
from typing import Any
from uuid import UUID

import structlog
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.http import require_POST

from posthouse.cluster import calls
from posthouse.cluster.errors import CallError, Kind, Refusal
from posthouse.cluster.incoming import require_same_version, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.jobs.models import State
from posthouse.relays import receiver
from posthouse.relays.models import Arrival, Relay

STILL = timedelta(minutes=30)
"""What went on within this time is not asked about."""
TIMEOUT_SECONDS = 10.0
MOST = 500
"""Relays in one call; the others in the next one, for those that are not wanted are gone by then."""

_asking = Lock()

log = structlog.get_logger("posthouse.relays")


def in_passing() -> None:
    """Ask in a thread of its own: some may not answer, and nothing here waits for that."""
    if not _asking.locked():
        Thread(target=ask_all, name="wanted", daemon=True).start()


def ask_all() -> int:
    """Ask each sender about what stands still here, and forget what he does not want; return how many."""
    still = Arrival.objects.exclude(state=Arrival.State.COMMITTED).filter(updated_at__lt=timezone.now() - STILL)
    forgotten = 0
    with _asking:
        try:
            by_sender: defaultdict[Server, list[Arrival]] = defaultdict(list)
            for arrival in still.filter(source__removed_at=None).select_related("source").defer("manifest"):
                by_sender[arrival.source].append(arrival)
            for sender, arrivals in by_sender.items():
                unwanted = _ask(sender, [arrival.pk for arrival in arrivals[:MOST]])
                # As it was when it was asked about: what has begun again meanwhile carries a higher number, and stays.
                forgotten += sum(receiver.forget(arrival) for arrival in arrivals if arrival.pk in unwanted)
        finally:
            close_old_connections()
    return forgotten


def _ask(sender: Server, relays: list[UUID]) -> set[UUID]:
    try:
        asked = {"relays": [str(relay) for relay in relays]}
        answer = calls.call(sender, "POST", "relays/wanted", json=asked, timeout=TIMEOUT_SECONDS).json()
        return {UUID(relay) for relay in answer["unwanted"]}
    except CallError as error:
        log.info("asked in vain what is wanted", server=sender.name, error=error.message)
    except (KeyError, TypeError, ValueError, AttributeError):
        log.warning("no sense in the answer to what is wanted", server=sender.name)
    return set()


@require_POST
@signed()
def wanted(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Say which of these relays from here to the caller were cancelled, or are not known: nobody will go on with them.

    One that has failed for another reason is wanted: an administrator may retry it, and then what is there is of use.
    """
    require_same_version(caller)
    try:
        asked = [UUID(relay) for relay in json.loads(request.body)["relays"][:MOST]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refusal(400, "The call does not name relays.", Kind.PERMANENT) from error
    mine = Relay.objects.filter(pk__in=asked, destination=caller.server)
    going = set(mine.exclude(state=State.FAILED, cancelled_by__gt="").values_list("pk", flat=True))
    return {"unwanted": [str(relay) for relay in asked if relay not in going]}
