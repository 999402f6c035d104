"""Requests and answers, as far as the data plane needs them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from uuid import UUID

from posthouse.lib.asgi import Receive, Scope, Send
from posthouse.transfers.errors import BadRequest, NotFound, Refused

Headers = list[tuple[bytes, bytes]]


class Request:
    """What a client asks."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self._raw: Iterable[tuple[bytes, bytes]] = scope["headers"]
        client = scope.get("client")
        self.address: str = client[0] if client else ""

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Header fields by name in lower case; fields of one name are joined (RFC 9110, section 5.2)."""
        fields: dict[str, str] = {}
        for raw_name, raw_value in self._raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
            joint = "; " if name == "cookie" else ", "
            fields[name] = f"{fields[name]}{joint}{value}" if name in fields else value
        return fields

    def number(self, name: str) -> int | None:
        """Return a header field that holds a whole number, or None if it is absent. Raises BadRequest."""
        value = self.headers.get(name.lower())
        if value is None:
            return None
        # The length bound keeps the number below what the database can hold.
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise BadRequest(f"{name} must be a whole number of bytes.")
        return int(value)

    @property
    def bearer(self) -> str | None:
        """The token of "Authorization: Bearer …" (RFC 6750, section 2.1)."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def identity(text: str) -> UUID:
    """Return the id in a path. Raises NotFound when it is none, for then there can be nothing of that name."""
    try:
        identity = UUID(text)
    except ValueError:
        raise NotFound from None
    if str(identity) != text:
        raise NotFound
    return identity


def encode(headers: Mapping[str, str]) -> Headers:
    """Return header fields as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def answer(send: Send, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
    """Send a whole answer."""
    fields = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    if status != 204:
        fields.setdefault("Content-Length", str(len(body)))
    await send({"type": "http.response.start", "status": status, "headers": encode(fields)})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, error: Refused, headers: Mapping[str, str] | None = None, *, head: bool = False) -> None:
    """Send a refusal: its sentence as {"error": …}, which a HEAD request does not get."""
    body = json.dumps({"error": str(error)}, ensure_ascii=False).encode()
    fields = {"Content-Type": "application/json", **(headers or {}), **error.headers}
    if head:
        fields["Content-Length"] = str(len(body))
        body = b""
    await answer(send, error.status, fields, body)
