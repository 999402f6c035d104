"""The page on which an administrator decides about a sync that was stopped, by exactly what it would do."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from posthouse.audit import log as audit
from posthouse.cluster.access import at_master
from posthouse.sync import holds, runs
from posthouse.sync.models import HeldAccount, Hold
from posthouse.web.paging import page

FORMULA = ("=", "+", "-", "@", "\t", "\r")
Fate = HeldAccount.Fate


class DecisionForm(forms.Form):
    """Go on, which wants the name of the slave typed, or leave it."""

    name = forms.CharField(
        max_length=200, widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"})
    )

    def __init__(self, hold: Hold, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.wanted = hold.server.name
        self.fields["name"].label = f"Type the name of the slave ({self.wanted}) to go on"

    def clean_name(self) -> str:
        """Refuse any other name."""
        if self.cleaned_data["name"].strip() != self.wanted:
            raise forms.ValidationError(f"Type {self.wanted} to go on.")
        return self.wanted


@never_cache
@at_master
@require_http_methods(["GET", "HEAD", "POST"])
def hold(request: HttpRequest, server_id: UUID) -> HttpResponse:
    """Show what a sync would do that was stopped, and take the decision."""
    found = _hold(server_id)
    if found is None:
        messages.info(request, "Nothing waits for a decision there any more.")
        return redirect("sync:servers")
    going_on = request.POST.get("decision") == "go_on"
    form = DecisionForm(found, request.POST if going_on else None)
    if request.method == "POST" and (not going_on or form.is_valid()):
        return _decide(request, found, go_on=going_on)
    fate = request.GET.get("fate", Fate.VANISHES)
    rows = found.accounts.filter(fate=fate).order_by("login", "id")
    counts = {Fate.VANISHES: found.vanishing, Fate.CHANGES: found.changing, Fate.APPEARS: found.appearing}
    context = {
        "hold": found,
        "form": form,
        "page": page(request, rows),
        "fate": fate,
        "tabs": [(value, Fate(value).label, count) for value, count in counts.items()],
        "listed": holds.LISTED,
        "cut": fate != Fate.VANISHES and counts.get(Fate(fate), 0) > holds.LISTED if fate in Fate else False,
        "history": found.cause == Hold.Cause.HISTORY,
    }
    return render(request, "sync/hold.html", context)


@at_master
@require_safe
def export(request: HttpRequest, server_id: UUID) -> HttpResponseBase:  # noqa: ARG001 - the shape of a view
    """Hand out, as a CSV file, whom the sync would make vanish, change and appear."""
    found = get_object_or_404(Hold, server_id=server_id, server__removed_at=None)
    answer = StreamingHttpResponse(_lines(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="sync-{server_id}.csv"'
    return answer


def _decide(request: HttpRequest, found: Hold, *, go_on: bool) -> HttpResponse:
    deed = holds.approve if go_on else holds.leave
    if not deed(found, request.POST.get("question", ""), audit.who(request)):
        messages.error(request, "What would happen has changed since you looked. Look at it anew, and decide again.")
        return redirect("sync:hold", found.pk)
    if go_on:
        try:
            runs.start(found.server)
        except runs.NotPossible as problem:
            messages.error(request, str(problem))
        else:
            messages.success(
                request, f"{found.server.name} is synced. If anybody else would vanish, you are asked anew."
            )
    else:
        messages.success(request, f"{found.server.name} stays as it is, OUT OF SYNC.")
    return redirect("sync:servers")


def _hold(server_id: UUID) -> Hold | None:
    waiting = Hold.objects.filter(server_id=server_id, server__removed_at=None, approved_at=None)
    return waiting.select_related("server").first()


class _Line:
    """What a CSV writer writes to: it hands out each line."""

    def write(self, line: str) -> str:
        return line


def _lines(found: Hold) -> Iterator[str]:
    writer = csv.writer(_Line())
    columns = ["fate", "login", "name", "email"]
    yield writer.writerow(columns)
    for row in found.accounts.order_by("-fate", "login", "id").values_list(*columns).iterator(chunk_size=2_000):
        # A quote before what a spreadsheet would take for a formula.
        yield writer.writerow(f"'{value}" if value.startswith(FORMULA) else value for value in row)
