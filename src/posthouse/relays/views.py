"""The relays of a package: where each stands, for its sender and for administrators (R59 to R64)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.packages.models import Package
from posthouse.relays import acts, links, queue
from posthouse.relays.models import Priority, Relay
from posthouse.relays.shown import line
from posthouse.web.access import administrator_required


@login_required
@require_GET
def package(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """List the relays of a package. A poll gets the list alone."""
    user = cast(User, request.user)
    shown = _packages(user).select_related("sender", "origin").filter(pk=package_id).first()
    if shown is None:
        raise Http404
    relays = list(Relay.objects.filter(package=shown).select_related("destination").order_by("destination__name"))
    ways = links.in_trouble(relay.destination_id for relay in relays)
    lines = [line(relay, ways.get(relay.destination_id)) for relay in relays]
    context = {
        "package": shown,
        "mine": shown.sender_id == user.pk,
        "lines": lines,
        "live": any(one.moves for one in lines) or shown.status == Package.Status.UPLOADING,
        "priorities": Priority.choices,
        "priority": next((one.relay.priority for one in lines if one.moves), None),
    }
    polled = request.headers.get("HX-Request") == "true"
    return render(request, "relays/lines.html" if polled else "relays/package.html", context)


@login_required
@require_POST
def retry(request: HttpRequest, relay_id: UUID) -> HttpResponse:
    """Have a relay tried at once (M17). What an administrator holds, its sender cannot let go."""
    may_release = cast(User, request.user).is_administrator
    return _act(
        request,
        relay_id,
        "retried",
        lambda relay: (may_release or not relay.held_by) and queue.retry(relay),
        "The relay to {} is tried again now.",
        "The relay to {} was not touched: it is running, complete, or held.",
    )


@login_required
@require_POST
def cancel(request: HttpRequest, relay_id: UUID) -> HttpResponse:
    """Have a relay ended on both sides (M17)."""
    who = str(request.user)
    return _act(
        request,
        relay_id,
        "cancelled",
        lambda relay: queue.cancel(relay, who),
        "The relay to {} is cancelled. Its recipients there get nothing of the package unless you retry it.",
        "The relay to {} was not cancelled: it has ended already.",
    )


@administrator_required
@require_POST
def hold(request: HttpRequest, relay_id: UUID) -> HttpResponse:
    """Have a relay wait until it is released."""
    who = str(request.user)
    return _act(
        request,
        relay_id,
        "held",
        lambda relay: acts.hold(relay, who),
        "The relay to {} is held until you release it.",
        "The relay to {} was not held: it has ended, or is held already.",
    )


@administrator_required
@require_POST
def release(request: HttpRequest, relay_id: UUID) -> HttpResponse:
    """Let a relay go on that was held."""
    return _act(
        request,
        relay_id,
        "released",
        acts.release,
        "The relay to {} goes on.",
        "The relay to {} was not released: nobody holds it.",
    )


@administrator_required
@require_POST
def prioritise(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Put the relays of a package first, last, or where they belong."""
    shown = get_object_or_404(Package, pk=package_id)
    asked = request.POST.get("priority", "")
    if asked not in {str(priority) for priority in Priority.values}:
        raise Http404
    priority = Priority(int(asked))
    with transaction.atomic():
        count = acts.prioritise(shown, priority)
        if count:
            text = f"The priority of the relays of “{shown.title}” was set to “{priority.label}”."
            audit.record(audit.who(request), "relay.prioritised", text, shown)
    if count:
        messages.success(request, f"The priority is “{priority.label}” now.")
    else:
        messages.info(request, "All relays of this package have ended.")
    return redirect("relays:package", shown.pk)


def _act(
    request: HttpRequest, relay_id: UUID, verb: str, act: Callable[[Relay], bool], done: str, refused: str
) -> HttpResponse:
    """Do something to a relay that this person may see, and write it into the audit log."""
    allowed = _packages(cast(User, request.user))
    found = Relay.objects.filter(pk=relay_id, package__in=allowed).select_related("destination", "package")
    relay = found.first()
    if relay is None:
        raise Http404
    with transaction.atomic():
        happened = act(relay)
        if happened:
            text = f"The relay of “{relay.package.title}” to {relay.destination} was {verb}."
            audit.record(audit.who(request), f"relay.{verb}", text, relay)
    if happened:
        messages.success(request, done.format(relay.destination))
    else:
        messages.warning(request, refused.format(relay.destination))
    return redirect("relays:package", relay.package_id)


def _packages(user: User) -> QuerySet[Package]:
    """Return the packages whose relays this person may see: his own, and all for administrators."""
    return Package.objects.filter(Q() if user.is_administrator else Q(sender=user))
