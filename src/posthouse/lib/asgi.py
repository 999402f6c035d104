"""The shapes of an ASGI application (ASGI 3.0, HTTP sub-protocol)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Event = Mapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

IDLE_SECONDS = 60.0
"""How long no byte of a body may come before its request is given up."""


def with_one_cookie(scope: Scope) -> Scope:
    """Return the scope with all cookie fields joined into one.

    HTTP/2 lets clients send a field for each cookie, and browsers do (RFC 9113, section 8.2.3). Django 5.2 joins them
    with commas, which makes all cookies but the first unreadable.
    """
    crumbs = [value for name, value in scope["headers"] if name == b"cookie"]
    if len(crumbs) < 2:
        return scope
    others = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": [*others, (b"cookie", b"; ".join(crumbs))]}


def with_bounded_body(scope: Scope, receive: Receive, limit: int, patience: float = IDLE_SECONDS) -> Receive:
    """Return a `receive` that hands on a body of at most `limit` bytes, while something comes every `patience` seconds.

    Django keeps a whole body, however long it is, before it looks at who sent it. A body that says beforehand that it
    is too long arrives empty: Django sees its Content-Length, and refuses it when somebody asks for it. One that grows
    too long, or stands still, looks as if the client had gone.
    """
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    refused = declared.isdigit() and (len(declared) > 18 or int(declared) > limit)
    left, ended = limit, False

    async def bounded() -> Event:
        nonlocal left, ended
        if refused and ended:
            await asyncio.Future()  # nothing is read any more: the application answers, and ends this wait
        if refused:
            ended = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if ended:
            return await receive()
        try:
            async with asyncio.timeout(patience):
                event = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        left -= len(event.get("body", b""))
        ended = not event.get("more_body", False)
        return event if left >= 0 else {"type": "http.disconnect"}

    return bounded
