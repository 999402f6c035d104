"""Server > Audit log: who did what, when and from where."""

from __future__ import annotations

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from posthouse.audit import log, search
from posthouse.audit.forms import RetentionForm, SearchForm
from posthouse.audit.models import Event, Retention
from posthouse.audit.search import Cursor, Wish
from posthouse.lib import spreadsheet
from posthouse.web.access import administrator_required

SIZE = 50
CHUNK = 2000
HEAD = ("time", "action", "what", "who", "account", "address", "kind", "subject")


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the newest events, or those that are looked for."""
    form = SearchForm(request.GET)
    wish = form.wish() if form.is_valid() else Wish()
    found = search.find(wish, Cursor.read(request.GET.get("behind", "")), SIZE)
    context = {"form": form, "found": found, "searching": wish != Wish(), "first": "behind" not in request.GET}
    return render(request, "audit/log.html", context)


@administrator_required
@require_safe
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Hand out the events that are looked for as a CSV file, piece by piece."""
    form = SearchForm(request.GET)
    if not form.is_valid():
        return redirect("audit:log")
    with transaction.atomic():
        log.record(log.who(request), "audit.exported", "The audit log was exported.")
    answer = StreamingHttpResponse(_csv(form.wish()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="audit-{timezone.now():%Y-%m-%d}.csv"'
    return answer


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def retention(request: HttpRequest) -> HttpResponse:
    """Set how long events are kept."""
    form = RetentionForm(request.POST if request.method == "POST" else None, instance=Retention.in_force())
    if form.is_valid():
        with transaction.atomic():
            kept = form.save()
            log.record(log.who(request), "audit.retention", f"Events are kept: {kept}.")
        messages.success(request, f"Events are kept: {kept}.")
        return redirect("web:configuration")
    return render(request, "audit/retention.html", {"form": form})


async def _csv(wish: Wish) -> AsyncIterator[str]:
    """Yield the lines. Each piece is a question of its own, so that none of them keeps the database busy."""
    find = sync_to_async(search.find)
    yield spreadsheet.lines([HEAD])
    behind = None
    while True:
        found = await find(wish, behind, CHUNK)
        yield spreadsheet.lines(map(_row, found.events))
        behind = found.behind
        if behind is None:
            return


def _row(event: Event) -> tuple[object, ...]:
    return (
        event.at.isoformat(timespec="milliseconds"),
        event.action,
        event.text,
        event.actor,
        event.actor_id or "",
        event.address,
        event.subject_kind,
        event.subject_id or "",
    )
