"""The relays of a package: where each stands, for its sender and for administrators (R59 to R64)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from posthouse.accounts.models import User
from posthouse.packages.models import Package
from posthouse.relays import queue
from posthouse.relays.models import Link, Relay
from posthouse.relays.shown import line


@login_required
@require_GET
def package(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """List the relays of a package. A poll gets the list alone."""
    user = cast(User, request.user)
    shown = _packages(user).select_related("sender", "origin").filter(pk=package_id).first()
    if shown is None:
        raise Http404
    relays = list(Relay.objects.filter(package=shown).select_related("destination").order_by("destination__name"))
    links = Link.objects.in_bulk([relay.destination_id for relay in relays])
    lines = [line(relay, links.get(relay.destination_id)) for relay in relays]
    context = {
        "package": shown,
        "mine": shown.sender_id == user.pk,
        "lines": lines,
        "live": any(one.moves for one in lines) or shown.status == Package.Status.UPLOADING,
    }
    polled = request.headers.get("HX-Request") == "true"
    return render(request, "relays/lines.html" if polled else "relays/package.html", context)


@login_required
@require_POST
def retry(request: HttpRequest, relay_id: UUID) -> HttpResponse:
    """Have a relay tried at once (M17)."""
    return _act(
        request,
        relay_id,
        queue.retry,
        "The relay to {} is tried again now.",
        "The relay to {} was not touched: it is running, or complete.",
    )


@login_required
@require_POST
def cancel(request: HttpRequest, relay_id: UUID) -> HttpResponse:
    """Have a relay ended on both sides (M17)."""
    who = str(request.user)
    return _act(
        request,
        relay_id,
        lambda relay: queue.cancel(relay, who),
        "The relay to {} is cancelled. Its recipients there get nothing of the package unless you retry it.",
        "The relay to {} was not cancelled: it has ended already.",
    )


def _act(request: HttpRequest, relay_id: UUID, act: Callable[[Relay], bool], done: str, refused: str) -> HttpResponse:
    allowed = _packages(cast(User, request.user))
    relay = Relay.objects.filter(pk=relay_id, package__in=allowed).select_related("destination").first()
    if relay is None:
        raise Http404
    if act(relay):
        messages.success(request, done.format(relay.destination))
    else:
        messages.warning(request, refused.format(relay.destination))
    return redirect("relays:package", relay.package_id)


def _packages(user: User) -> QuerySet[Package]:
    """Return the packages whose relays this person may see: his own, and all for administrators."""
    return Package.objects.filter(Q() if user.is_administrator else Q(sender=user))
