"""The Server List with its live status, the start of a sync, and the history (R23, R24, R31)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from posthouse.cluster import identity, servers
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.sync import runs
from posthouse.sync.models import Copy, Received, Run
from posthouse.web.access import administrator_required
from posthouse.web.paging import page

Role = Server.Role


@dataclass(frozen=True)
class Entry:
    """A line of the Server List."""

    server: Server
    copy: Copy | None = None
    run: Run | None = None
    received: Received | None = None

    @property
    def active(self) -> bool:
        """Whether a sync is under way."""
        return self.run is not None

    @property
    def percent(self) -> int | None:
        """How far the sync is."""
        if self.run is None or not self.run.total:
            return None
        return min(100, self.run.sent * 100 // self.run.total)


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the Server List."""
    this = servers.this()
    context = {
        "this": this,
        "entries": [_entry(server, this) for server in (this, *servers.others())],
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
    return render(request, "sync/status.html", {"entry": _entry(server, servers.this()), "fresh": True})


@administrator_required
@require_POST
def sync(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Start a sync by hand."""
    server = get_object_or_404(Server, id=server_id, removed_at=None)
    try:
        runs.start(server, Run.Kind.MANUAL)
    except runs.NotPossible as problem:
        messages.error(request, str(problem))
    return redirect("sync:servers")


@administrator_required
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


def _entry(server: Server, this: Server) -> Entry:
    if this.role == Role.MASTER and not server.is_self:
        return Entry(
            server,
            Copy.objects.filter(server=server).first(),
            Run.objects.filter(server=server, state__in=runs.OPEN).first(),
        )
    if this.role == Role.SLAVE and server.is_self:
        return Entry(server, received=Received.objects.first())
    return Entry(server)
