"""Server > Configuration > Directories: connections, their test, imports as they run, and who could not be imported."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from posthouse.accounts.models import Entry, User
from posthouse.audit import log
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.directory import backends, runs, switching, testing
from posthouse.directory.forms import ConnectionForm
from posthouse.directory.models import Conflict, Connection, Run
from posthouse.jobs.models import State
from posthouse.web.access import administrator_required
from posthouse.web.paging import page

form_methods = require_http_methods(["GET", "HEAD", "POST"])
SHOWN = 10


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the connections."""
    newest = Max("runs__created_at", filter=~Q(runs__kind=Run.Kind.PREVIEW))
    connections = Connection.objects.annotate(last=newest, open_conflicts=Count("conflicts", distinct=True))
    context = {"connections": connections.order_by("name"), "is_slave": _is_slave(), "master": servers.master()}
    return render(request, "directory/list.html", context)


@administrator_required
@sensitive_post_parameters("password")
@form_methods
def new(request: HttpRequest) -> HttpResponse:
    """Make a connection."""
    directories = _directories_of_master(request) if _is_slave() else None
    if directories == {}:
        return redirect("directory:list")
    form = ConnectionForm(request.POST or None, directories=directories)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            connection = form.save()
            log.record(log.who(request), "directory.made", f"The directory {connection} was connected.", connection)
        messages.success(request, f"{connection} was saved. Test it next.")
        return redirect("directory:test", connection.pk)
    return render(request, "directory/edit.html", {"form": form})


@administrator_required
@sensitive_post_parameters("password")
@form_methods
def edit(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Change a connection."""
    connection = get_object_or_404(Connection, pk=connection_id)
    name = connection.name
    directories = _directories_of_master(request) if _is_slave() else None
    if directories == {}:
        return redirect("directory:list")
    form = ConnectionForm(request.POST or None, instance=connection, directories=directories)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            told = f"The connection to the directory {connection} was changed."
            log.record(log.who(request), "directory.changed", told, connection)
        messages.success(request, f"{connection} was saved. Test it next.")
        return redirect("directory:test", connection.pk)
    return render(request, "directory/edit.html", {"form": form, "name": name, "connection": connection})


@administrator_required
@form_methods
def remove(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Remove a connection, once that is confirmed. Its people keep their accounts, and cannot log in."""
    connection = get_object_or_404(Connection, pk=connection_id)
    people = User.objects.present().filter(directory=connection.stands_for or connection.pk, local=False)
    if request.method == "POST":
        with transaction.atomic():
            told = f"The connection to the directory {connection} was removed."
            log.record(log.who(request), "directory.removed", told, connection)
            connection.delete()
        messages.success(request, f"{connection.name} was removed.")
        return redirect("directory:list")
    return render(request, "directory/remove.html", {"connection": connection, "people": people.count()})


@administrator_required
@require_safe
def show(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Show a connection: the import under way, what the last ones did, and who could not be imported."""
    connection = get_object_or_404(Connection, pk=connection_id)
    stopped = connection.stopped
    ids = stopped.get("ids", []) if stopped and stopped.get("digest") != connection.approved else []
    context = {
        **_live(connection),
        "runs": connection.runs.order_by("-created_at")[:SHOWN],
        "conflicts": connection.conflicts.select_related("user").order_by("login")[:SHOWN],
        "conflict_count": connection.conflicts.count(),
        "doomed": User.objects.filter(pk__in=ids[:50]).order_by("login") if ids else [],
        "people": Entry.objects.filter(connection=connection.pk, user__is_active=True).count(),
        "State": State,
    }
    return render(request, "directory/show.html", context)


@administrator_required
@require_safe
def progress(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Show how far the import is: asked for again and again while one is under way."""
    connection = get_object_or_404(Connection, pk=connection_id)
    return render(request, "directory/live.html", _live(connection) | {"fresh": True})


@administrator_required
@require_safe
def history(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Show the imports that were, newest first."""
    connection = get_object_or_404(Connection, pk=connection_id)
    context = {
        "connection": connection,
        "page": page(request, connection.runs.order_by("-created_at")),
        "State": State,
    }
    return render(request, "directory/history.html", context)


@administrator_required
@require_safe
def test(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Test a connection. The page comes at once, and asks for the lines."""
    connection = get_object_or_404(Connection, pk=connection_id)
    context: dict[str, Any] = {"connection": connection, "is_slave": _is_slave(), "lines": None}
    if "lines" in request.GET:
        context["lines"] = list(testing.test(connection))
        context["failed"] = sum(not line.ok for line in context["lines"])
    by_script = request.headers.get("HX-Request") == "true"
    return render(request, "directory/test_lines.html" if by_script else "directory/test.html", context)


@administrator_required
@require_POST
def start(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Start an import, or a preview of one."""
    connection = get_object_or_404(Connection, pk=connection_id)
    kind = Run.Kind.PREVIEW if request.POST.get("kind") == Run.Kind.PREVIEW else Run.Kind.MANUAL
    try:
        with transaction.atomic():
            runs.start(connection, kind)
            if kind == Run.Kind.MANUAL:
                told = f"An import of the directory {connection} was started by hand."
                log.record(log.who(request), "directory.import", told, connection)
    except runs.NotPossible as problem:
        messages.error(request, str(problem))
    return redirect("directory:show", connection_id)


@administrator_required
@require_POST
def cancel(request: HttpRequest, connection_id: UUID, run_id: UUID) -> HttpResponse:
    """Cancel an import."""
    run = get_object_or_404(Run, pk=run_id, connection_id=connection_id)
    if runs.cancel(run, str(request.user)):
        log.record(
            log.who(request), "directory.cancelled", f"An import of {run.connection} was cancelled.", run.connection
        )
    return redirect("directory:show", connection_id)


@administrator_required
@require_POST
def allow(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Let exactly the accounts that were shown be switched off, and import again."""
    connection = get_object_or_404(Connection, pk=connection_id)
    with transaction.atomic():
        if switching.allow(connection, request.POST.get("digest", "")):
            count = connection.stopped["count"]
            told = f"{count} accounts that have vanished from the directory {connection} may be switched off."
            log.record(log.who(request), "directory.allowed", told, connection)
            runs.start(connection)
        else:
            messages.error(request, "Others have vanished by now than those that you were shown. Look at them anew.")
    return redirect("directory:show", connection_id)


@administrator_required
@form_methods
def conflicts(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """List who could not be imported; a decision about one of them is posted here."""
    connection = get_object_or_404(Connection, pk=connection_id)
    if request.method == "POST":
        return _decide(request, connection)
    found = connection.conflicts.select_related("user").order_by("login", "pk")
    context = {
        "connection": connection,
        "page": page(request, found),
        "decided": connection.conflicts.exclude(choice="").count(),
        "Choice": Conflict.Choice,
        "Reason": Conflict.Reason,
    }
    return render(request, "directory/conflicts.html", context)


def _decide(request: HttpRequest, connection: Connection) -> HttpResponse:
    choice = request.POST.get("choice", "")
    try:
        conflict = get_object_or_404(connection.conflicts, pk=UUID(request.POST.get("conflict", "")))
    except ValueError:
        return redirect("directory:conflicts", connection.pk)
    possible = {""} | ({"adopt"} if conflict.can_adopt else set())
    if conflict.reason == Conflict.Reason.EMAIL:
        possible.add("separate")
    if choice not in possible:
        messages.error(request, "That cannot be chosen for this person any more.")
    else:
        with transaction.atomic():
            Conflict.objects.filter(pk=conflict.pk).update(choice=choice)
            words = Conflict.Choice(choice).label.lower()
            told = f"Decided about {conflict.login} of the directory {connection}: {words}."
            log.record(log.who(request), "directory.decided", told, conflict.user or connection)
        messages.success(request, "Noted. The next import does it.")
    return redirect(request.get_full_path())


@administrator_required
@require_safe
def preview(request: HttpRequest, connection_id: UUID, run_id: UUID) -> HttpResponse:
    """Show what an import would do."""
    run = get_object_or_404(Run.objects.select_related("connection"), pk=run_id, connection_id=connection_id)
    if run.kind != Run.Kind.PREVIEW or run.state != State.DONE:
        return redirect("directory:show", connection_id)
    shown = [
        ("Accounts that would be made", run.added, run.sample.get("added", [])),
        ("Accounts that would be changed", run.changed, run.sample.get("changed", [])),
        ("Accounts that would be switched off", run.deactivated, run.sample.get("off", [])),
    ]
    return render(request, "directory/preview.html", {"run": run, "connection": run.connection, "shown": shown})


def _live(connection: Connection) -> dict[str, Any]:
    run = connection.runs.order_by("-created_at").first()
    return {"connection": connection, "run": run, "is_slave": _is_slave(), "master": servers.master()}


def _is_slave() -> bool:
    return servers.this().role == Server.Role.SLAVE


def _directories_of_master(request: HttpRequest) -> dict[UUID, str]:
    """Return the directories of the master; empty, and said why, when it has none or cannot be asked."""
    found, problem = backends.directories_of_master()
    if problem:
        messages.error(request, problem)
    return found
