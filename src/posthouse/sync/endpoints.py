"""What the master asks of a slave. Every call may be repeated without harm."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.views.decorators.http import require_POST

from posthouse.cluster.errors import Refusal
from posthouse.cluster.incoming import document, require_same_version, signed
from posthouse.cluster.signatures import Caller
from posthouse.sync import batches, copying, feed
from posthouse.sync.shared import SHARED

NAMES = tuple(shared.name for shared in SHARED)


@require_POST
@signed()
def state(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Say how far the copy is; begin at the beginning when the master says so."""
    require_same_version(caller)
    if document(request).get("start_over"):
        copying.start_over(caller.server)
    return {"change": copying.received(caller.server).change}


@require_POST
@signed(batches.COMPRESSED_LIMIT)
def batch(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Take over a batch."""
    require_same_version(caller)
    copying.received(caller.server)  # before anything of it is unpacked: only the master may have that done
    try:
        counts = copying.take(batches.loads(request.body, NAMES), caller.server)
    except batches.BatchError as error:
        raise Refusal(400, f"The batch cannot be read: {error}.") from error
    return {"added": counts.added, "changed": counts.changed, "removed": counts.removed}


@require_POST
@signed(batches.COMPRESSED_LIMIT)
def finish(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Remove what the master does not have, when it says what it has, and answer with the digest of the whole copy."""
    require_same_version(caller)
    received = copying.received(caller.server)
    try:
        ending = batches.unpack(request.body)
        everyone, by_hand = ending["everyone"], bool(ending["by_hand"])
        removed = 0 if everyone is None else copying.remove_others(everyone, by_hand=by_hand)
    except (batches.BatchError, ValueError, TypeError, KeyError) as error:
        raise Refusal(400, f"The end of the sync cannot be read: {error}.") from error
    return {"change": received.change, "removed": removed, "digest": feed.fingerprint().digest}
