"""What the master asks of a slave. Every call may be repeated without harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.views.decorators.http import require_POST

from posthouse.cluster import servers
from posthouse.cluster.errors import Refusal
from posthouse.cluster.incoming import document, require_licence, require_same_version, signed
from posthouse.cluster.signatures import Caller
from posthouse.sync import batches, comparing, copying

MOST_BUCKETS = 500


@require_POST
@signed()
def state(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Say how far the copy is, and whether it equals the master's; or which mark it was told last, if another one."""
    require_same_version(caller)
    require_licence()
    servers.note_report(caller.server, document(request))
    match document(request):
        case {
            "turn": str(turn),
            "change": int(change),
            "root": str(root),
            "anew": bool(anew),
            "mark": str(mark),
            "after": str(after),
            "force": bool(force),
        }:
            received = copying.received(caller.server)
            last = received.mark.hex if received.mark else ""
            # A copy from before there were marks is known by its number.
            if not force and (last not in {mark, after} or (not last and received.change > change)):
                return {"told": False, "mark": last, "change": received.change}
            received, equal = copying.begin(received, _uuid(turn), _uuid(mark), change, root, anew=anew)
            answer = {"told": True, "change": received.change, "equal": equal, "sweep": received.sweep}
            return answer | servers.report()
    raise _unreadable()


@require_POST
@signed()
def accounts(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """List some of the accounts here: those behind an id, or those in some buckets; or say how many there are."""
    require_same_version(caller)
    copying.received(caller.server)
    match document(request):
        case {"after": ""}:
            return {"accounts": comparing.behind("")}
        case {"after": str(after)}:
            return {"accounts": comparing.behind(_uuid(after).hex)}
        case {"buckets": list(names)} if all(isinstance(name, str) for name in names) and len(names) <= MOST_BUCKETS:
            return {"accounts": comparing.in_buckets(names) if names else []}
    return {"count": comparing.count()}


@require_POST
@signed()
def buckets(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Prepare for a comparison, and answer with the digests of all buckets, by kind and name, if they are wanted."""
    require_same_version(caller)
    content = document(request)
    found: dict[str, dict[str, str]] = {}
    for (kind, name), digest in copying.compare(
        caller.server, _place(content)[0], wanted=content.get("wanted") is True
    ).items():
        found.setdefault(kind, {})[name] = digest
    return {"buckets": found}


@require_POST
@signed(batches.COMPRESSED_LIMIT)
def batch(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Take over a batch."""
    require_same_version(caller)
    copying.received(caller.server)  # before anything of it is unpacked: only the master may have that done
    try:
        place = request.GET.dict()
        return copying.take(batches.loads(request.body), caller.server, *_place(place), _uuid(place.get("mark")))
    except batches.BatchError as error:
        raise Refusal(400, f"The batch cannot be read: {error}.") from error


@require_POST
@signed()
def finish(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """End a comparison: remove what the master does not have."""
    require_same_version(caller)
    content = document(request)
    turn, step = _place(content)
    match content:
        case {"upto": int(upto)}:
            return {"removed": copying.settle(caller.server, turn, step, upto)}
    raise _unreadable()


def _place(content: Mapping[str, Any]) -> tuple[UUID, int]:
    try:
        turn, step = _uuid(content["turn"]), int(content["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable() from error
    if step < 0:
        raise _unreadable()
    return turn, step


def _uuid(text: Any) -> UUID:
    try:
        return UUID(hex=text)
    except (TypeError, ValueError, AttributeError) as error:
        raise _unreadable() from error


def _unreadable() -> Refusal:
    return Refusal(400, "The call of the sync cannot be read.")
