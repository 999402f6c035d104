"""A server that is back says so to the others: what waited for it starts at once, not at its next try.

Saying it is a favour, not a duty. Whoever does not hear it tries again by himself.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any

import structlog
from django.db import close_old_connections
from django.http import HttpRequest
from django.views.decorators.http import require_POST

from posthouse.cluster import calls
from posthouse.cluster.errors import CallError
from posthouse.cluster.incoming import signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.relays import links

AT_ONCE = 4
TIMEOUT_SECONDS = 10.0

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


def _at(server: Server) -> None:
    try:
        calls.call(server, "POST", "relays/back", json={}, timeout=TIMEOUT_SECONDS)
    except CallError as error:
        log.info("knocked in vain", server=server.name, error=error.message)
    finally:
        close_old_connections()


@require_POST
@signed()
def back(request: HttpRequest, caller: Caller) -> dict[str, Any]:  # noqa: ARG001 - there is nothing in the call
    """Start what waits for the caller."""
    links.works(caller.server.pk)
    return {}
