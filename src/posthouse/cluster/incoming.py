"""Calls from other servers: who made them is proven before anything else happens."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import structlog
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

import posthouse
from posthouse.cluster import servers, signals, signatures
from posthouse.cluster.errors import Kind, Refusal, SignatureRefused
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.lib.asgi import Scope
from posthouse.lib.threads import in_thread
from posthouse.licensing import licences

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Caller, P], HttpResponseBase | dict[str, Any]]

BODY_LIMIT = 1024 * 1024

log = structlog.get_logger("posthouse.cluster")


def signed(
    limit: int = BODY_LIMIT, keys_of: Callable[[Server, bytes], list[str]] | None = None
) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Make a Django view answer other servers of the cluster only.

    The view gets the request with its body (of at most `limit` bytes, equal to the signed digest) and the caller, and
    returns a response or an object that becomes JSON. It raises Refusal to say why it will not.

    With `keys_of` the body is read before it is known who sent it, and may bring keys beside those that are known.
    """

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @csrf_exempt
        @wraps(view)
        def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            try:
                query = request.META.get("QUERY_STRING", "")
                call = request.method or "", request.path, query, request.headers
                if keys_of is None:
                    caller = signatures.verify(*call)
                    body = _read(request, limit)
                else:
                    body = _read(request, limit)
                    caller = signatures.verify(*call, keys_of=lambda server: keys_of(server, body))
                _compare(body, caller)
                _heard(caller)
                request._body = body  # what Django's own `body` would have kept
                result = view(request, caller, *args, **kwargs)
            except Refusal as refusal:
                return refuse(refusal)
            return JsonResponse(result) if isinstance(result, dict) else result

        return answer

    return decorate


async def authenticate_scope(scope: Scope) -> Caller:
    """Return who made a request of the data plane. Raises SignatureRefused.

    The body is not looked at: whoever reads it compares it with the caller's digest.
    """
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = name.decode("latin-1").lower()
        found = value.decode("latin-1")
        headers[text] = f"{headers[text]}, {found}" if text in headers else found
    query = scope["query_string"].decode("latin-1")
    return await in_thread(_verify, scope["method"], scope["path"], query, headers)


def document(request: HttpRequest) -> dict[str, Any]:
    """Return the object in the body. Raises Refusal when there is none."""
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refusal(400, "The body of the call is not the JSON object that is expected here.")
    return found


def require_same_version(caller: Caller) -> None:
    """Refuse a caller that runs another version (R8)."""
    if caller.version != posthouse.__version__:
        this = servers.this()
        raise Refusal(
            409,
            f"{caller.server.name} runs version {caller.version}, {this.name} runs {posthouse.__version__}."
            " Bring both to the same version.",
            Kind.ADMINISTRATOR,
            "version",
        )


def require_licence() -> None:
    """Refuse what only servers of a cluster do, when this server's licence does not let it be one (R1)."""
    if lacking := licences.lacking():
        raise Refusal(409, lacking, Kind.ADMINISTRATOR, "licence")


def refuse(refusal: Refusal) -> JsonResponse:
    """Return the answer that says why not."""
    return JsonResponse(refusal.document(), status=refusal.status)


def _heard(caller: Caller) -> Caller:
    """Let the apps above know that a server can be heard."""
    signals.server_called.send(Server, caller=caller.server)
    return caller


def _verify(method: str, path: str, query: str, headers: Mapping[str, str]) -> Caller:
    return _heard(signatures.verify(method, path, query, headers))


def _read(request: HttpRequest, limit: int) -> bytes:
    """Return the body, if it is no longer than it may be."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    body = b"" if length > limit else request.read(limit + 1)
    if max(length, len(body)) > limit:
        raise Refusal(413, f"The call is longer than the {limit} bytes that are taken here.")
    return body


def _compare(body: bytes, caller: Caller) -> None:
    """Compare a body with the digest that was signed."""
    if caller.algorithm != "sha-256" or not hmac.compare_digest(hashlib.sha256(body).digest(), caller.digest):
        log.warning("call refused", reason="body does not match its digest", caller=caller.server.name)
        raise SignatureRefused(f"The body of the call is not the one that {caller.server.name} signed.", "digest")
