"""Received, Archive, Sent, and Server > Packages, whole or searched.

A program that accepts JSON gets {packages, next} of each: the rows, and the query of the page behind it or null.
"""

from __future__ import annotations

import re
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import finding, listing
from posthouse.packages.models import Delivery, Package
from posthouse.packages.views import answers
from posthouse.web import paging
from posthouse.web.access import administrator_required

BEHIND = re.compile("-?[0-9]{1,18}")
LIVE = {Package.Status.UPLOADING, Package.Status.RELAYING}


@login_required
@require_GET
def received(request: HttpRequest) -> HttpResponse:
    """List what this person can fetch here."""
    user = cast(User, request.user)
    return _list(request, "received", listing.received_by(user), live=False, mark=finding.sent_to(user))


@login_required
@require_GET
def archive(request: HttpRequest) -> HttpResponse:
    """List what this person has put aside."""
    user = cast(User, request.user)
    return _list(request, "archive", listing.received_by(user, archived=True), live=False, mark=finding.sent_to(user))


@login_required
@require_GET
def sent(request: HttpRequest) -> HttpResponse:
    """List what this person sent, live while something is on its way."""
    user = cast(User, request.user)
    return _list(request, "sent", listing.sent_by(user, servers.this()), live=True, mark=finding.sent_by(user))


@administrator_required
@require_GET
def everything(request: HttpRequest) -> HttpResponse:
    """List all packages of this server for its administrators (R59)."""
    return _list(request, "all", listing.all_for(cast(User, request.user), servers.this()), live=True)


def _list(request: HttpRequest, name: str, rows: QuerySet[Any], *, live: bool, mark: str = "") -> HttpResponse:
    text = request.GET.get("q", "").strip()
    shown: paging.Page[Any] | finding.Found[Any] = (
        _searched(request, rows, text, mark) if text else paging.page(request, rows)
    )
    if answers.is_program(request):
        return JsonResponse({"packages": [answers.row(one) for one in shown], "next": _next(request, shown)})
    context = {
        "page": shown,
        "q": text,
        "here": servers.this(),
        "live": live and any(package.status in LIVE for package in shown),
    }
    polled = request.headers.get("HX-Request") == "true"
    return render(request, f"packages/{name}_rows.html" if polled else f"packages/{name}.html", context)


def _next(request: HttpRequest, shown: paging.Page[Any] | finding.Found[Any]) -> str | None:
    """Return the query of the page behind this one; None if it is the last."""
    query = request.GET.copy()
    if isinstance(shown, finding.Found):
        if shown.behind is None:
            return None
        query["behind"] = str(shown.behind)
    elif not shown.has_next:
        return None
    else:
        query["page"] = str(shown.next_page_number)
    return query.urlencode()


def _searched(request: HttpRequest, rows: QuerySet[Any], text: str, mark: str) -> finding.Found[Any]:
    """Return the rows with these words; whoever sent a package finds its private recipients, too, and nobody else."""
    asked = request.GET.get("behind", "")
    if asked and not BEHIND.fullmatch(asked):
        raise Http404
    place = "package__place" if rows.model is Delivery else "place"
    hidden = bool(mark) and rows.model is not Delivery
    return finding.find(
        rows, place, text, int(asked) if asked else None, paging.rows_per_page(request), mark=mark, hidden=hidden
    )
