"""Server > Relays: the links and the queue by age; and the history of the last 30 days, of which each sees his own."""

from __future__ import annotations

from datetime import timedelta
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.cluster.models import Server
from posthouse.relays import acts, links, overview, queue
from posthouse.relays.models import Relay
from posthouse.relays.shown import line
from posthouse.web.access import administrator_required
from posthouse.web.paging import page

HISTORY = timedelta(days=30)
QUERY_LENGTH = 100
STATES = {
    "going": ("Not ended", Q(state__in=queue.GOING)),
    "complete": ("Complete", Q(state="done")),
    "error": ("Error", Q(state="failed", cancelled_by="")),
    "cancelled": ("Cancelled", Q(state="failed") & ~Q(cancelled_by="")),
    "administrator": ("Needs an administrator", Q(state="held", held_by="")),
    "held": ("Held", ~Q(held_by="")),
}


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the links to all servers, and how long what waits for each has been waiting."""
    rows = overview.rows(timezone.now())
    context = {"rows": rows, "titles": overview.TITLES, "waiting": sum(row.waiting + row.running for row in rows)}
    polled = request.headers.get("HX-Request") == "true"
    return render(request, "relays/links.html" if polled else "relays/index.html", context)


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """List the relays of the last 30 days, newest first: all for administrators, his own for everybody else."""
    user = cast(User, request.user)
    asked = {name: request.GET.get(name, "")[:QUERY_LENGTH] for name in ("server", "state", "q")}
    rows = _asked_for(user, asked)
    shown = page(request, rows.select_related("package", "destination", "sender").order_by("-created_at", "-pk"))
    ways = links.in_trouble(relay.destination_id for relay in shown)
    lines = [line(relay, ways.get(relay.destination_id)) for relay in shown]
    context = {
        "page": shown,
        "lines": lines,
        "asked": asked,
        "filtered": any(asked.values()),
        "servers": Server.objects.filter(is_self=False).order_by("name"),
        "states": [(name, title) for name, (title, _) in STATES.items()],
        "everybody": user.is_administrator,
        "live": any(one.moves for one in lines),
    }
    polled = request.headers.get("HX-Request") == "true"
    return render(request, "relays/history_rows.html" if polled else "relays/history.html", context)


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_link(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Ask, then cancel all relays to a server."""
    server = _server(server_id)
    going = Relay.objects.filter(destination=server, state__in=queue.GOING, cancelled_by="")
    if request.method != "POST":
        return render(request, "relays/cancel_link.html", {"server": server, "count": going.count()})
    with transaction.atomic():
        count = acts.cancel_link(server, str(request.user))
        audit.record(audit.who(request), "link.cancelled", f"{count} relays to {server} were cancelled.", server)
    left = going.count()
    more = f" {left} are left: cancel again." if left else ""
    messages.success(request, f"{count} relay{'' if count == 1 else 's'} to {server} cancelled.{more}")
    return redirect("relays:index")


@administrator_required
@require_POST
def retry_link(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Have all relays to a server tried at once."""
    server = _server(server_id)
    with transaction.atomic():
        count = acts.retry_link(server)
        audit.record(audit.who(request), "link.retried", f"The relays to {server} were retried.", server)
    more = " There may be more: retry again." if count >= acts.MOST else ""
    messages.success(request, f"{server} is tried now, and {count} relays that waited after an error or failed.{more}")
    return redirect("relays:index")


@administrator_required
@require_POST
def hold_link(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Have all relays to a server wait."""
    server = _server(server_id)
    with transaction.atomic():
        held = acts.hold_link(server, str(request.user))
        if held:
            audit.record(audit.who(request), "link.held", f"All relays to {server} were held.", server)
    messages.success(request, f"Nothing is relayed to {server} until you release it.")
    return redirect("relays:index")


@administrator_required
@require_POST
def release_link(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Let the relays to a server go on."""
    server = _server(server_id)
    with transaction.atomic():
        released = acts.release_link(server)
        if released:
            audit.record(audit.who(request), "link.released", f"The relays to {server} were released.", server)
    messages.success(request, f"The relays to {server} go on.")
    return redirect("relays:index")


def _asked_for(user: User, asked: dict[str, str]) -> QuerySet[Relay]:
    """Return the relays that this person may see and asks for; what cannot be understood asks for nothing."""
    rows = Relay.objects.filter(created_at__gt=timezone.now() - HISTORY)
    if not user.is_administrator:
        rows = rows.filter(sender=user)
    if asked["state"]:
        rows = rows.filter(STATES[asked["state"]][1]) if asked["state"] in STATES else rows.none()
    if asked["server"]:
        try:
            rows = rows.filter(destination=UUID(asked["server"]))
        except ValueError:
            return rows.none()
    if asked["q"]:
        people = User.objects.filter(Q(login__istartswith=asked["q"]) | Q(name__icontains=asked["q"]))
        rows = rows.filter(Q(sender__in=people) | Q(package__title__icontains=asked["q"]))
    return rows


def _server(server_id: UUID) -> Server:
    return get_object_or_404(Server, pk=server_id, is_self=False)
