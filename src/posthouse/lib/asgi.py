"""The shapes of an ASGI application (ASGI 3.0, HTTP sub-protocol)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Event = Mapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


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
