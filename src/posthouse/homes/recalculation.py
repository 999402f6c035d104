"""The pages of Recalculate: who would move and why, the moves, and the list of movers as a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from posthouse.audit import log as audit
from posthouse.homes import behind, facts, flow, ruleset, runs, standing
from posthouse.homes.access import rules_at_master
from posthouse.homes.models import Move, Recalculation
from posthouse.jobs.models import State
from posthouse.web.paging import page

FORMULA = ("=", "+", "-", "@", "\t", "\r")
Stage = Recalculation.Stage


@rules_at_master
@require_safe
def recalculate(request: HttpRequest) -> HttpResponse:
    """Show the newest run: its progress, who would move, or who has moved."""
    return render(request, "homes/recalculate.html", _context(request, runs.latest()))


@rules_at_master
@require_safe
def progress(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show how far a run is: asked for again and again while it runs; at its end the whole page is loaded anew."""
    run = get_object_or_404(Recalculation, pk=run_id)
    answer = render(request, "homes/progress.html", {"run": run, "percent": _percent(run)})
    if run.state not in runs.OPEN:
        answer["HX-Refresh"] = "true"
    return answer


@rules_at_master
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Make a preview, carry it out, cancel or resume."""
    who, asked = audit.who(request), request.POST.get("act", "")
    try:
        if asked == "preview":
            runs.start(who.name)
        else:
            _go_on(who, asked, UUID(request.POST.get("run", "")))
    except runs.NotPossible as problem:
        messages.error(request, str(problem))
    except ValueError:
        messages.error(request, "There is no such recalculation.")
    return redirect("homes:recalculate")


def _go_on(who: audit.Who, asked: str, run_id: UUID) -> None:
    if asked == "carry_out":
        runs.carry_out(run_id, who)
    elif asked == "cancel":
        runs.cancel(run_id, who)
    elif asked == "resume":
        runs.resume(run_id, who)


@rules_at_master
@require_safe
def export(request: HttpRequest, run_id: UUID) -> StreamingHttpResponse:  # noqa: ARG001 - the shape of a view
    """Hand out the movers as a CSV file."""
    run = get_object_or_404(Recalculation, pk=run_id)
    answer = StreamingHttpResponse(_lines(run), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="moves-{run.created_at:%Y-%m-%d}.csv"'
    return answer


class _Echo:
    """What csv writes to: the line itself."""

    def write(self, line: str) -> str:
        return line


def _lines(run: Recalculation) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(["user name", "name", "e-mail address", "from", "to", "why", "moved"])
    for move in moves_of(run).iterator(chunk_size=2_000):
        source = move.source.name if move.source else ""
        row = [move.user.login, move.user.name, move.user.email, source, move.target.name, why(move)]
        # A quote before what a spreadsheet would take for a formula.
        safe = [f"'{value}" if value.startswith(FORMULA) else value for value in row]
        yield writer.writerow([*safe, "yes" if move.done else "no"])


def moves_of(run: Recalculation) -> QuerySet[Move]:
    """Return the moves of a run, in the order in which they are made."""
    return run.moves.select_related("user", "source", "target", "rule").order_by("id")


def why(move: Move) -> str:
    """Return which rule moves somebody."""
    return f"rule {move.rule.name}" if move.rule else "Default Server"


def ways(run: Recalculation) -> list[flow.Way]:
    """Return how many move from where to where, most first."""
    counted = run.moves.values("source__name", "target__name").annotate(count=Count("id")).order_by("-count")
    return [flow.Way(each["source__name"] or "nowhere", each["target__name"], each["count"]) for each in counted]


def left_behind(run: Recalculation) -> list[behind.Left]:
    """Return what those who move from this server have here, and leave here (R68, R69)."""
    return behind.of(run.moves.filter(source__is_self=True).values("user_id"))


def _context(request: HttpRequest, run: Recalculation | None) -> dict[str, Any]:
    engine = ruleset.in_force().people
    context: dict[str, Any] = {"run": run, "problem": standing.default_problem()}
    if run is None or run.digest != engine.digest:
        context["outdated"] = facts.outdated(engine).count()
    if run is None:
        return context
    over = run.state not in runs.OPEN
    found = ways(run) if over else []
    return context | {
        "active": not over,
        "failed": run.state == State.FAILED,
        "moving": run.stage == Stage.MOVING,
        "current": run.digest == engine.digest,
        "percent": _percent(run),
        "ways": found,
        "picture": flow.draw(found) if found else None,
        "page": page(request, moves_of(run)) if over else None,
        "behind": left_behind(run) if found else [],
        "left": run.movers - run.moved,
    }


def _percent(run: Recalculation) -> int | None:
    return min(100, run.looked * 100 // run.total) if run.total else None
