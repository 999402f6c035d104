"""The data plane of relays."""

from __future__ import annotations

from posthouse.lib.asgi import Receive, Scope, Send


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request of the data plane."""
