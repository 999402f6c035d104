"""What other servers ask this one."""

from __future__ import annotations

import json
import time
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

import posthouse
from posthouse.cluster import calls, keys, looking, rotation, servers
from posthouse.cluster.errors import CallError
from posthouse.cluster.incoming import document, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.store import blobs
from posthouse.store.errors import StoreError

NONCE_LIMIT = 64
BACK_SECONDS = 10.0
KEYS_LIMIT = 64 * 1024


@never_cache
@require_GET
def identity(request: HttpRequest) -> JsonResponse:
    """Say which server this is, signed over the asker's nonce. Anybody may ask: pairing begins here."""
    nonce = request.GET.get("nonce", "")
    if not nonce.isascii() or not 16 <= len(nonce) <= NONCE_LIMIT:
        return JsonResponse({"error": f"Ask with a nonce of 16 to {NONCE_LIMIT} characters."}, status=400)
    return JsonResponse(looking.describe(nonce))


@require_POST
@signed()
def test(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Answer a Test (R22): how things stand here, and whether a call back to the caller works."""
    servers.update(caller.server, {"version": caller.version})
    master = servers.master()
    answer: dict[str, Any] = {
        "name": servers.this().name,
        "version": posthouse.__version__,
        "role": servers.this().role,
        "master": str(master.id) if master else "",
        "clock": time.time(),
    }
    try:
        answer["free"] = blobs.free()
    except StoreError as error:
        answer["store"] = str(error)
    answer |= servers.report()
    if document(request).get("back"):
        answer["back"] = _back(caller.server)
    return answer


def _keys_of(sender: Server, body: bytes) -> list[str]:
    """Return the keys that may sign news of keys: those that are known, and those to which they lead."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    return keys.follow(sender.id, sender.keys, told.get("changes") if isinstance(told, dict) else None)


@require_POST
@signed(KEYS_LIMIT, _keys_of)
def news_of_keys(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Hear which keys of the caller are valid, and say which ones are known here."""
    return rotation.take(caller.server, document(request))


def _back(server: Server) -> str:
    """Call the server that called; return what went wrong, or nothing."""
    try:
        calls.call(server, "POST", "cluster/test", json={}, timeout=BACK_SECONDS)
    except CallError as error:
        return error.message
    return ""
