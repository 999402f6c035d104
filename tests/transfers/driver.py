"""Drives an ASGI application in this process: requests with bodies in pieces, waits and early ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from posthouse.lib.asgi import Application

CUT = object()
"""In place of a piece of a body: here the client goes away."""


@dataclass
class Answer:
    """What the application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        return str(json.loads(self.body)["error"])


class Exchange:
    """One request and its answer, while it goes on."""

    def __init__(self, app: Application, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.answer = Answer()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.leave_after: int | None = None
        scope = {
            "type": "http",
            "method": method,
            "path": path.partition("?")[0],
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("192.0.2.7", 4711),
        }
        self.task = asyncio.ensure_future(app(scope, self._events.get, self._send))  # type: ignore[arg-type]

    def feed(self, piece: bytes, more: bool = True) -> None:
        """Send a piece of the body."""
        self._events.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    def leave(self) -> None:
        """Cut the line."""
        self._events.put_nowait({"type": "http.disconnect"})

    async def _send(self, event: Mapping[str, Any]) -> None:
        await asyncio.sleep(0)
        if event["type"] == "http.response.start":
            assert not self.answer.status, "an answer begins once"
            self.answer.status = event["status"]
            self.answer.headers = {name.decode(): value.decode("latin-1") for name, value in event["headers"]}
        else:
            assert self.answer.status, "the status comes first"
            assert not self.answer.whole, "nothing comes after the end"
            self.answer.body += event.get("body", b"")
            self.answer.whole = not event.get("more_body", False)
            if self.leave_after is not None and len(self.answer.body) >= self.leave_after:
                self.leave()
                await asyncio.sleep(0.01)


Pieces = Iterable[bytes | object] | AsyncIterator[bytes | object]


async def exchange(
    app: Application,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | Pieces = b"",
    leave_after: int | None = None,
) -> Answer:
    """Send a request and return the answer. A body in pieces has no Content-Length unless the headers tell it."""
    fields = dict(headers or {})
    if isinstance(body, bytes):
        fields.setdefault("Content-Length", str(len(body)))
        body = [body]
    going = Exchange(app, method, path, fields)
    going.leave_after = leave_after
    if isinstance(body, AsyncIterator):
        async for piece in body:
            going.feed(piece) if isinstance(piece, bytes) else going.leave()
    else:
        for piece in body:
            going.feed(piece) if isinstance(piece, bytes) else going.leave()
    going.feed(b"", more=False)
    await going.task
    return going.answer


def ask(app: Application, method: str, path: str, *args: Any, **kwargs: Any) -> Answer:
    """Like `exchange`, from code that is not in an event loop."""
    return asyncio.run(exchange(app, method, path, *args, **kwargs))
