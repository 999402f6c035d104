"""Dispatches that come in: carried out once and in their order, each only if its server may say such a thing.

What happens to a package as a whole, its sender's server says; what a recipient fetches or deletes, his home server.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.views.decorators.http import require_POST

from posthouse.audit.log import Who
from posthouse.cluster.errors import Refusal
from posthouse.cluster.incoming import document, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.dispatches.models import Dispatch, Heard
from posthouse.dispatches.outbox import BATCH
from posthouse.packages import ending, lifecycle, receipts
from posthouse.packages.models import Delivery, Package

LIMIT = 1024 * 1024
Kind = Dispatch.Kind

log = structlog.get_logger("posthouse.dispatches")


@dataclass(frozen=True)
class Told:
    """One dispatch as it came."""

    number: int
    kind: str
    package: UUID
    facts: dict[str, Any]


@require_POST
@signed(LIMIT)
def receive(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Carry out what another server tells, and answer with the number of the last one that is done."""
    return {"heard": take(read(document(request).get("dispatches")), caller.server)}


def take(dispatches: list[Told], server: Server) -> int:
    """Carry out what a server tells, and return the number of the last one that is done.

    Each is done in one transaction with its number: said again, or broken off in the middle, nothing is done twice.
    """
    heard = 0
    for told in dispatches:
        with transaction.atomic():
            Heard.objects.get_or_create(server=server)
            if Heard.objects.filter(server=server, number__lt=told.number).update(number=told.number):
                _carry_out(told, server)
        heard = told.number
    return heard


def _carry_out(told: Told, server: Server) -> None:
    try:
        _DOES[Kind(told.kind)](told, server)
    except (KeyError, TypeError, ValueError) as error:
        # It would be wrong the next time, too, and everything behind it would wait.
        log.error("dispatch cannot be read", server=server.name, number=told.number, kind=told.kind, error=repr(error))


def _delivery(told: Told, server: Server) -> Delivery | None:
    """Return the share in the package of the recipient who is told of, if that server is his home."""
    who = told.facts["recipient"]  # a user's id, or an outside recipient's e-mail address
    someone = Q(email=who) if "@" in who else Q(recipient=UUID(who))
    return Delivery.objects.filter(someone, package=told.package, home=server).first()


def _hidden(told: Told, server: Server) -> None:
    delivery, at = _delivery(told, server), _time(told.facts["at"])
    if delivery is not None:
        ending.heard_hidden(delivery, at)


def _fetched(told: Told, server: Server) -> None:
    delivery = _delivery(told, server)
    if delivery is not None:
        files, first = int(told.facts["files"]), _time(told.facts["first"])
        receipts.heard(delivery.pk, files, first, _maybe(told.facts["whole"]))


def _ended(told: Told, server: Server) -> None:
    how = Package.End(told.facts["how"])
    if _is_of(told.package, server):
        ending.end_by_word(told.package, how, Who(str(told.facts["who"])))


def _terms(told: Told, server: Server) -> None:
    if not _is_of(told.package, server) or not Package.objects.filter(pk=told.package).exists():
        return
    release, expires = _maybe(told.facts["release"]), _maybe(told.facts["expires"])
    Package.objects.filter(pk=told.package, ended_at=None).update(expires_at=expires)
    if release is None:
        lifecycle.release(told.package)
    else:
        Package.objects.filter(pk=told.package, release_at__isnull=False).update(release_at=release)


_DOES = {Kind.FETCHED: _fetched, Kind.HIDDEN: _hidden, Kind.ENDED: _ended, Kind.TERMS: _terms}


def _is_of(package_id: UUID, server: Server) -> bool:
    """Whether a package is from there, or not known here."""
    return not Package.objects.filter(pk=package_id).exclude(origin=server).exists()


def read(found: Any) -> list[Told]:
    """Return the dispatches that came, in their order. Raises Refusal when they cannot be read."""
    if not isinstance(found, list) or len(found) > BATCH:
        raise Refusal(400, f"The call does not hold a list of at most {BATCH} dispatches.")
    try:
        told = [Told(int(one["number"]), str(one["kind"]), UUID(one["package"]), dict(one["facts"])) for one in found]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal(400, "A dispatch cannot be read.") from error
    return sorted(told, key=lambda one: one.number)


def _maybe(text: Any) -> datetime | None:
    return None if text is None else _time(text)


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
