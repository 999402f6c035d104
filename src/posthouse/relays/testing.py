"""The stage of a Test that sees whether packages could be relayed to a server (R22)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from posthouse.cluster import calls, servers
from posthouse.cluster.errors import CallError
from posthouse.cluster.models import Server
from posthouse.cluster.testing import Line
from posthouse.web import units

BYTES = 1_500_000
"""More than the 1 MiB that some web servers let through if nobody told them otherwise."""
TIMEOUT_SECONDS = 60.0


def endpoint(server: Server) -> Iterator[Line]:
    """Send some bytes by the way that packages take, and see whether they arrive whole."""
    body = secrets.token_bytes(BYTES)
    try:
        answer = calls.call(server, "POST", f"relay/{servers.this().id}/test", body=body, timeout=TIMEOUT_SECONDS)
        arrived = answer.json().get("bytes") == BYTES
    except CallError as error:
        result = f"No package could be sent to {server.name}."
        yield Line("Relay endpoint", ok=False, result=result, cure=error.message)
        return
    if arrived:
        yield Line("Relay endpoint", ok=True, result=f"It takes what is relayed: {units.size(BYTES)} arrived whole.")
    else:
        result = f"What answers at the relay endpoint of {server.name} is not a server of this version."
        yield Line("Relay endpoint", ok=False, result=result, cure="Bring both to the same version.")
