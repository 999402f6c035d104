"""Finding out early that a server can be reached again: what waited for it starts at once, not at its next try.

A server that was started says so to the others. Saying it is a favour, not a duty: whoever does not hear it tries again
by himself. After a cut of the line nobody was started; so a server that could not be reached is knocked at with one
small call every few seconds, as long as something waits for it, while its relays wait for minutes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock, Thread
from typing import Any

import structlog
from django.db import close_old_connections
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.http import require_POST

from posthouse.cluster import calls
from posthouse.cluster.errors import CallError
from posthouse.cluster.incoming import require_same_version, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.jobs.models import State
from posthouse.relays import links
from posthouse.relays.models import Link, Relay

AT_ONCE = 4
TIMEOUT_SECONDS = 10.0
PROBE_PAUSE = timedelta(seconds=15)
PROBE_LESS_AFTER = timedelta(hours=1)
RARE_PROBE_PAUSE = timedelta(minutes=1)

_probing = Lock()

log = structlog.get_logger("posthouse.relays")


def in_passing() -> None:
    """Tell the others in a thread of its own: some may not answer, and nothing here waits for that."""
    Thread(target=at_all, name="knock", daemon=True).start()


def at_all() -> None:
    """Tell all other servers of the cluster that this one is back."""
    try:
        others = list(Server.objects.filter(is_self=False, removed_at=None))
    finally:
        close_old_connections()
    with ThreadPoolExecutor(AT_ONCE, "knock") as pool:
        list(pool.map(_at, others))


def probe() -> None:
    """Knock at the servers that could not be reached and that something waits for, in threads of their own."""
    due = _to_probe()
    if due and not _probing.locked():
        Thread(target=_probe, args=[due], name="probe", daemon=True).start()


def _probe(due: list[Server]) -> None:
    with _probing, ThreadPoolExecutor(AT_ONCE, "probe") as pool:
        for server, answers in zip(due, pool.map(_at, due), strict=True):
            if answers:
                log.info("can be reached again", server=server.name)
                links.knocked(server.pk)
    close_old_connections()


def _to_probe() -> list[Server]:
    """Return the servers whose turn it is, each for one of the workers only."""
    now = timezone.now()
    waiting = Relay.objects.filter(
        destination=OuterRef("pk"), state__in=(State.QUEUED, State.DEFERRED, State.HELD), held_by=""
    )
    # Where small calls get through and relays do not, knocking tells nothing.
    failing = Link.objects.filter(failures__gt=0, held_by="", next_try_at__gt=now, server__removed_at=None)
    failing = failing.exclude(trouble="failed")
    due = failing.filter(Q(probe_at=None) | Q(probe_at__lte=now)).filter(Exists(waiting))
    found = []
    for link in due.select_related("server"):
        pause = PROBE_PAUSE if now - link.since < PROBE_LESS_AFTER else RARE_PROBE_PAUSE
        mine = failing.filter(pk=link.pk, probe_at=link.probe_at).update(probe_at=now + pause)
        # The first pause comes before the first knock: the link has failed just now.
        if mine and link.probe_at is not None:
            found.append(link.server)
    return found


def _at(server: Server) -> bool:
    """Knock at a server; return whether it answered as it should."""
    try:
        calls.call(server, "POST", "relays/back", json={}, timeout=TIMEOUT_SECONDS)
    except CallError as error:
        log.info("knocked in vain", server=server.name, error=error.message)
        return False
    finally:
        close_old_connections()
    return True


@require_POST
@signed()
def back(request: HttpRequest, caller: Caller) -> dict[str, Any]:  # noqa: ARG001 - there is nothing in the call
    """Start what waits for the caller. Raises Refusal for one whose relays would be refused."""
    require_same_version(caller)
    links.knocked(caller.server.pk)
    return {}
