"""The Server List with its live status, the start of a sync, and the history (R23, R24, R31)."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from posthouse.audit import log
from posthouse.cluster import identity, servers
from posthouse.cluster.access import at_master
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.sync import listing, runs
from posthouse.sync.models import Run
from posthouse.web.access import administrator_required
from posthouse.web.paging import page

Role = Server.Role


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the Server List."""
    this = servers.this()
    context = {
        "this": this,
        "entries": listing.entries(),
        "fingerprint": identity.fingerprint(identity.public_key()),
        "master": servers.master(),
        "is_master": this.role == Role.MASTER,
        "is_slave": this.role == Role.SLAVE,
    }
    return render(request, "sync/servers.html", context)


@administrator_required
@require_safe
def status(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Show one server's status anew: asked for again and again while a sync is under way."""
    server = get_object_or_404(Server, id=server_id, removed_at=None)
    return render(request, "sync/status.html", {"entry": listing.entry(server), "fresh": True})


@administrator_required
@require_POST
def sync(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Start a sync by hand."""
    server = get_object_or_404(Server, id=server_id, removed_at=None)
    try:
        with transaction.atomic():
            runs.start(server, Run.Kind.MANUAL)
            log.record(log.who(request), "sync.started", f"A sync of {server.name} was started by hand.", server)
    except runs.NotPossible as problem:
        messages.error(request, str(problem))
    return redirect("sync:servers")


@at_master
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show the syncs that were, newest first."""
    found = Run.objects.select_related("server").order_by("-created_at")
    chosen = None
    if "server" in request.GET:
        try:
            chosen = get_object_or_404(Server, id=UUID(request.GET["server"]))
        except ValueError:
            return redirect("sync:history")
        found = found.filter(server=chosen)
    return render(request, "sync/history.html", {"page": page(request, found), "chosen": chosen, "State": State})
