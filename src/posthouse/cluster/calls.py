"""Calls to other servers: signed, over connections that are kept alive, with errors in words."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from posthouse.cluster import addresses, signatures
from posthouse.cluster.errors import (
    Broken,
    CallError,
    Failed,
    Kind,
    NoConnection,
    NotPosthouse,
    NotTrusted,
    Refused,
    VersionDiffers,
    WrongClock,
)
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Network, Place, Reply, Transport

TIMEOUT_SECONDS = 60.0
ANSWER_LIMIT = 4 * 1024 * 1024
TOO_LONG = 413
DETOUR_SECONDS = 60.0
"""How long the alternate address comes first after the first address could not be reached."""

_transport: Transport = Network()
_detours: dict[UUID, float] = {}


@contextmanager
def through(transport: Transport) -> Iterator[None]:
    """Have all calls go through another transport for a while (for tests)."""
    global _transport
    before, _transport = _transport, transport
    try:
        yield
    finally:
        _transport = before


def transport() -> Transport:
    """Return the network that calls go through."""
    return _transport


@dataclass(frozen=True)
class Answer:
    """What the far side answered. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the object in the body. Raises NotPosthouse when there is none."""
        found = _object(self.body)
        if found is None:
            raise NotPosthouse("The answer is not one that a Posthouse server gives. Check address and URL namespace.")
        return found


def call(
    server: Server,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    json: Any = None,
    body: bytes | Iterable[bytes] | None = None,
    length: int | None = None,
    content_digest: str | None = None,
    headers: Mapping[str, str] | None = None,
    fence: int | None = None,
    timeout: float = TIMEOUT_SECONDS,
    limit: int = ANSWER_LIMIT,
    transport: Transport | None = None,
    sender: UUID | None = None,
) -> Answer:
    """Call another server and return its answer, whose status is below 400. Blocks.

    `path` is relative to the server's namespace, for example "cluster/test". The content is `json`, or `body` as
    bytes, or `body` in pieces, which needs its `length` in bytes and its `content_digest`; pieces are read once, and
    not before there is a connection. `timeout` is in seconds, for the answer after all was sent; `limit` is in bytes.
    `transport` takes the place of the network that calls go through. With `sender`, this server's id, nothing is asked
    of the database.

    Raises CallError, whose `kind` says what to do and whose message is a sentence. When a connection that was kept
    alive breaks, a call with its body in memory is made once more: calls between servers do no harm when repeated.
    """
    extra = dict(headers or {})
    if json is not None:
        body = jsonlib.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
        extra.setdefault("Content-Type", "application/json")
    if body is None:
        body = b""
    if isinstance(body, bytes):
        length = len(body)
        content_digest = content_digest or signatures.content_digest(body)
    elif length is None or content_digest is None:
        raise TypeError("a body in pieces needs its length and its content digest")
    extra.setdefault("Content-Type", "application/octet-stream")
    extra["Content-Length"] = str(length)
    target_path = f"{server.namespace.rstrip('/')}/{path}"
    query_text = urlencode(query or {})
    target = f"{target_path}?{query_text}" if query_text else target_path

    def once(place: Place) -> Reply:
        signed = signatures.sign(
            method,
            target_path,
            query_text,
            to=server.id,
            content_digest=content_digest,
            fence=fence,
            sender=sender,
        )
        return (transport or _transport).send(place, method, target, extra | signed, body, timeout, limit)

    try:
        reply = _by_any_way(server, once)
    except Broken as broken:
        if not isinstance(body, bytes):
            raise
        try:
            reply = _by_any_way(server, once)
        except NoConnection:
            raise broken from None  # nothing was sent now, but the first call may have been carried out
    return understand(reply, server.name)


def places(server: Server) -> list[Place]:
    """Return the addresses of a server in the order in which they are tried."""
    found = [Place(server.host, server.port, server.tls_pin)]
    if server.alternate_address:
        host, port = addresses.with_port(server.alternate_address, server.port)
        found.append(Place(host, port, server.tls_pin))
        if _detours.get(server.id, 0) > time.monotonic():
            found.reverse()
    return found


def understand(reply: Reply, name: str) -> Answer:
    """Return an answer that says yes; raise the error that any other one stands for."""
    if reply.status < 300:
        return Answer(reply.status, reply.headers, reply.body)
    told = _object(reply.body) or {}
    sentence = told.get("error")
    if not isinstance(sentence, str):
        if reply.status >= 500:
            raise Failed(f"{name} answers with an error of its own ({reply.status}). Its log says more.")
        if reply.status == TOO_LONG:
            raise NotPosthouse(
                f"Something in front of {name} takes short requests only: let it pass bodies of any size."
            )
        raise NotPosthouse(
            f"What answers at the address of {name} is not a Posthouse server of this version (status {reply.status})."
            " Check address, port and URL namespace."
        )
    code = str(told.get("code", ""))
    raise _error(reply.status, sentence, code, str(told.get("kind", "")))


def _error(status: int, sentence: str, code: str, kind: str) -> CallError:
    if code == "version":
        return VersionDiffers(sentence)
    if code == "clock":
        return WrongClock(sentence)
    if status == 401:
        return NotTrusted(sentence, code=code)
    if kind in set(Kind):
        return Refused(status, sentence, Kind(kind), code)
    temporary = status >= 500 or status in {408, 423, 425, 429}
    return Refused(status, sentence, Kind.TEMPORARY if temporary else Kind.PERMANENT, code)


def _by_any_way(server: Server, once: Any) -> Reply:
    """Try the addresses in turn; remember for a while that the first one could not be reached."""
    ways = places(server)
    failed: list[NoConnection] = []
    for number, place in enumerate(ways, 1):
        try:
            reply: Reply = once(place)
        except NoConnection as error:
            failed.append(error)
            if number == len(ways):
                raise _nowhere(failed) from error
        else:
            if number > 1 and place != Place(server.host, server.port, server.tls_pin):
                _detours[server.id] = time.monotonic() + DETOUR_SECONDS
            return reply
    raise AssertionError("a server has at least one address")


def _nowhere(failed: list[NoConnection]) -> NoConnection:
    """Return the error that says of each address why it does not lead to the server."""
    first, *others = failed
    if not others:
        return first
    kind = type(first) if all(type(other) is type(first) for other in others) else NoConnection
    more = " ".join(other.message for other in others)
    return kind(f"{first.message} The other address does not lead there either: {more}")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = jsonlib.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
