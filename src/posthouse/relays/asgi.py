"""The data plane of relays: calls of other servers, proven by their signature before a byte of the body is read."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from posthouse.cluster.errors import Kind, Refusal, SignatureRefused
from posthouse.cluster.incoming import authenticate_scope
from posthouse.cluster.signatures import Caller
from posthouse.lib.asgi import Receive, Scope, Send
from posthouse.lib.threads import in_thread
from posthouse.relays import arrived, intake, outlined, receiver, wire
from posthouse.relays.arrived import Place
from posthouse.relays.wire import Standing
from posthouse.store.errors import DigestMismatch, StoreError, StoreFull

P = ParamSpec("P")
T = TypeVar("T")

GATHER = 1024 * 1024
"""Bytes that are gathered before they go to a thread: each hand-over costs."""
DOCUMENT_LIMIT = 64 * 1024
TEST_LIMIT = 4 * 1024 * 1024
IDLE_SECONDS = 60.0
"""A body of which nothing comes for so long is given up, so that its part can be sent over another connection."""

log = structlog.get_logger("posthouse.relays")


class Taker(Protocol):
    """What takes the bytes of a part, or of some of it."""

    def write(self, *pieces: bytes) -> None:
        """Take the next bytes."""
        ...

    def finish(self) -> None:
        """Record them as safely here."""
        ...

    def close(self) -> None:
        """Stop, in any case."""
        ...


class Gone(Exception):
    """The caller has hung up."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one call."""
    try:
        status, document = 200, await _answer(scope, receive)
    except Gone:
        return
    except Refusal as refusal:
        status, document = refusal.status, refusal.document()
    except StoreError as error:
        status, document = _store_trouble(error)
    except Exception:
        log.exception("relay call broke", path=scope["path"])
        status = 500
        document = Refusal(500, "This server has a fault of its own; its log says what.", Kind.TEMPORARY).document()
    body = json.dumps(document, separators=(",", ":")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(scope: Scope, receive: Receive) -> dict[str, Any]:
    method, relay, steps = _route(scope)
    caller = await authenticate_scope(scope)
    length = _length(scope)
    match method, *steps:
        case "POST", "test":
            return {"bytes": len(await _whole(receive, caller, length, TEST_LIMIT))}
        case "POST", "offer":
            offered = _offered(await _whole(receive, caller, length, DOCUMENT_LIMIT))
            return _told(await _to_its_end(receiver.offer, caller, relay, offered))
        case "PUT", "outline":
            data = await _whole(receive, caller, length, wire.MANIFEST_LIMIT)
            return _told(await _to_its_end(outlined.take, caller, relay, data))
        case "PUT", "manifest":
            data = await _whole(receive, caller, length, wire.MANIFEST_LIMIT)
            return _told(await _to_its_end(receiver.take_manifest, caller, relay, data))
        case "PUT", "parts", file, part if file.isdecimal() and part.isdecimal():
            await _part(receive, length, intake.begin, caller, relay, int(file), int(part), length)
            return {}
        case "PUT", "parts", file, part, start, digest if all(
            number.isdecimal() and len(number) <= 18 for number in (file, part, start)
        ):
            where = Place(int(file), int(part), int(start), length)
            await _part(receive, length, arrived.begin, caller, relay, where, _digest(digest))
            return {}
        case "PUT", "bundle":
            data = await _whole(receive, caller, length, wire.BUNDLE_LIMIT)
            await _to_its_end(intake.take_bundle, caller, relay, data)
            return {}
        case "POST", "commit":
            await _whole(receive, caller, length, DOCUMENT_LIMIT)
            return _told(await _to_its_end(receiver.commit, caller, relay))
        case ("DELETE",):
            await _whole(receive, caller, length, DOCUMENT_LIMIT)
            await _to_its_end(receiver.withdraw, caller, relay)
            return {}
    raise Refusal(404, "There is no such call between servers.")


def _route(scope: Scope) -> tuple[str, UUID, list[str]]:
    relay, *steps = scope["path"].removeprefix(f"{settings.POSTHOUSE.prefix}/relay/").split("/")
    try:
        return scope["method"], UUID(relay), steps
    except ValueError as error:
        raise Refusal(404, "There is no such call between servers.") from error


def _length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    raise Refusal(411, "The call does not say how long its body is.")


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Refusal(404, "There is no such call between servers.") from error


async def _part(
    receive: Receive, length: int, begin: Callable[P, Taker | None], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Take a part, or some of it, in as it comes; nothing holds more than a gathering of it."""
    part = await _to_its_end(begin, *args, **kwargs)
    if part is None:
        return  # it is here; the body need not be read
    try:
        gathered: list[bytes] = []
        size = 0
        async for data in _body(receive, length):
            gathered.append(data)
            size += len(data)
            if size >= GATHER:
                await _to_its_end(part.write, *gathered)
                gathered, size = [], 0
        await _to_its_end(part.write, *gathered)
        await _to_its_end(part.finish)
    finally:
        part.close()


async def _whole(receive: Receive, caller: Caller, length: int, limit: int) -> bytes:
    """Return a body that is held in memory, equal to the signed digest. Raises Refusal."""
    if length > limit:
        raise Refusal(413, f"The call is longer than the {limit} bytes that are taken here.")
    data = b"".join([data async for data in _body(receive, length)])
    if caller.algorithm != "sha-256" or not hmac.compare_digest(hashlib.sha256(data).digest(), caller.digest):
        raise SignatureRefused(f"The body of the call is not the one that {caller.server.name} signed.", "digest")
    return data


async def _body(receive: Receive, length: int) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises Gone when it ends early, and Refusal when it stands still or is too long."""
    left = length
    more = True
    while more:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                event = await receive()
        except TimeoutError as error:
            raise Refusal(408, f"Nothing came for {IDLE_SECONDS:.0f} seconds.", Kind.TEMPORARY) from error
        if event["type"] == "http.disconnect":
            raise Gone
        data, more = event.get("body", b""), event.get("more_body", False)
        left -= len(data)
        if left < 0:
            raise Refusal(400, "The body of the call is longer than it says.")
        if data:
            yield data
    if left:
        raise Gone  # cut short: some servers end such a body as if it were whole


async def _to_its_end(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread, and when this call is cancelled meanwhile, leave only after the work has ended.

    Otherwise a file would be closed under a write, which could then go to whatever is opened next.
    """
    work = asyncio.ensure_future(in_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():  # however often it is cancelled
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        raise


def _offered(data: bytes) -> UUID:
    try:
        return UUID(json.loads(data)["package"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refusal(400, "The offer does not name its package.") from error


def _told(standing: Standing) -> dict[str, Any]:
    return standing.document()


def _store_trouble(error: StoreError) -> tuple[int, dict[str, str]]:
    if isinstance(error, DigestMismatch):
        status, code = 422, "digest"
    else:
        status, code = (507, "full") if isinstance(error, StoreFull) else (500, "store")
    return status, Refusal(status, str(error), Kind(error.kind), code).document()
