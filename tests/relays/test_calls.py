"""What comes over the line to a server that takes relays: signed calls only, and whole bodies only."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings

from posthouse.cluster import signatures
from posthouse.cluster.models import Server
from posthouse.relays import asgi
from posthouse.store.models import Part
from tests.relays.conftest import Tokyo, ask, digest
from tests.relays.test_receiving import arriving, first

__all__ = ["arriving"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)


PLACE = f"{settings.POSTHOUSE.prefix}/relay"


def call(method: str, path: str, headers: dict[str, str], *events: Any) -> tuple[int, dict[str, str]]:
    status, body = asyncio.run(ask(method, f"{PLACE}/{path}", headers, events))
    return status, json.loads(body) if body else {}


def signed(here: Server, method: str, path: str, body: bytes, fence: int = 1) -> dict[str, str]:
    return {
        "Content-Length": str(len(body)),
        **signatures.sign(
            method,
            f"{PLACE}/{path}",
            "",
            to=here.pk,
            content_digest=signatures.digest_field("blake3", digest(body)),
            fence=fence,
        ),
    }


def test_nothing_is_read_of_a_call_that_is_not_signed(arriving: Tokyo) -> None:
    async def receive() -> Any:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"{PLACE}/{arriving.relay}/parts/0/0",
        "query_string": b"",
        "headers": [(b"content-length", b"100")],
    }
    asyncio.run(asgi.application(scope, receive, send))
    assert sent[0]["status"] == 401


def test_a_body_that_ends_early_is_no_part(arriving: Tokyo, here: Server) -> None:
    data = first(arriving)
    path = f"{arriving.relay}/parts/0/0"
    assert call("PUT", path, signed(here, "PUT", path, data), data[:1000], None) == (0, {})
    assert call("PUT", path, signed(here, "PUT", path, data), data[:1000]) == (0, {})  # as if it were whole
    assert not Part.objects.exists()
    assert call("PUT", path, signed(here, "PUT", path, data), data[:1000], data[1000:]) == (200, {})


def test_a_body_that_is_longer_than_it_says_is_refused(arriving: Tokyo, here: Server) -> None:
    data = first(arriving)
    path = f"{arriving.relay}/parts/0/0"
    assert call("PUT", path, signed(here, "PUT", path, data), data, b"more")[0] == 400
    assert not Part.objects.exists()


def test_a_body_that_stands_still_is_given_up_and_frees_its_part(
    arriving: Tokyo, here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "IDLE_SECONDS", 0.05)
    data = first(arriving)
    path = f"{arriving.relay}/parts/0/0"
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(30)

    async def send(event: Any) -> None:
        sent.append(event)

    headers = signed(here, "PUT", path, data)
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"{PLACE}/{path}",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(asgi.application(scope, receive, send))
    assert sent[0]["status"] == 408
    assert call("PUT", path, signed(here, "PUT", path, data), data) == (200, {})


def test_a_body_that_another_one_was_put_in_place_of_is_refused(arriving: Tokyo, here: Server) -> None:
    path = f"{arriving.relay}/manifest"
    headers = signed(here, "PUT", path, b"signed")
    assert call("PUT", path, headers, b"forged")[0] == 401


def test_large_and_strange_calls_are_refused(arriving: Tokyo, here: Server) -> None:
    path = f"{arriving.relay}/offer"
    headers = signed(here, "POST", path, b"") | {"Content-Length": str(asgi.DOCUMENT_LIMIT + 1)}
    assert call("POST", path, headers)[0] == 413
    assert call("POST", "no-relay/offer", {})[0] == 404
    path = f"{arriving.relay}/something"
    assert call("POST", path, signed(here, "POST", path, b""), b"")[0] == 404
    path = f"{arriving.relay}/commit"
    headers = signed(here, "POST", path, b"")
    del headers["Content-Length"]
    assert call("POST", path, headers, b"")[0] == 411
