"""Received, Archive, Sent, and Server > Packages, whole or searched."""

from __future__ import annotations

import re
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import finding, listing
from posthouse.packages.models import Delivery, Package
from posthouse.web.access import administrator_required

PAGE = 25
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
    page: Page[Model] | finding.Found[Any] = (
        _searched(request, rows, text, mark) if text else Paginator(rows, PAGE).get_page(request.GET.get("page"))
    )
    context = {
        "page": page,
        "q": text,
        "here": servers.this(),
        "live": live and any(package.status in LIVE for package in cast("list[Package]", page.object_list)),
    }
    polled = request.headers.get("HX-Request") == "true"
    return render(request, f"packages/{name}_rows.html" if polled else f"packages/{name}.html", context)


def _searched(request: HttpRequest, rows: QuerySet[Any], text: str, mark: str) -> finding.Found[Any]:
    """Return the rows with these words; whoever sent a package, and administrators, see its private recipients, too."""
    asked = request.GET.get("behind", "")
    if asked and not BEHIND.fullmatch(asked):
        raise Http404
    place = "package__place" if rows.model is Delivery else "place"
    hidden = rows.model is not Delivery
    return finding.find(rows, place, text, int(asked) if asked else None, PAGE, mark=mark, hidden=hidden)
