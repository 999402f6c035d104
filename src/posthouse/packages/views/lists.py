"""Received, Sent, and Server > Packages."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import listing
from posthouse.packages.models import Package
from posthouse.web.access import administrator_required

PAGE = 25
LIVE = {Package.Status.UPLOADING, Package.Status.RELAYING}


@login_required
@require_GET
def received(request: HttpRequest) -> HttpResponse:
    """List what this person can fetch here."""
    return _list(request, "received", listing.received_by(cast(User, request.user)), live=False)


@login_required
@require_GET
def archive(request: HttpRequest) -> HttpResponse:
    """List what this person has put aside."""
    return _list(request, "archive", listing.received_by(cast(User, request.user), archived=True), live=False)


@login_required
@require_GET
def sent(request: HttpRequest) -> HttpResponse:
    """List what this person sent, live while something is on its way."""
    return _list(request, "sent", listing.sent_by(cast(User, request.user), servers.this()), live=True)


@administrator_required
@require_GET
def everything(request: HttpRequest) -> HttpResponse:
    """List all packages of this server for its administrators (R59)."""
    return _list(request, "all", listing.all_for(cast(User, request.user), servers.this()), live=True)


def _list(request: HttpRequest, name: str, rows: QuerySet[Any], *, live: bool) -> HttpResponse:
    page: Page[Model] = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "here": servers.this(),
        "live": live and any(package.status in LIVE for package in cast("list[Package]", page.object_list)),
    }
    polled = request.headers.get("HX-Request") == "true"
    return render(request, f"packages/{name}_rows.html" if polled else f"packages/{name}.html", context)
