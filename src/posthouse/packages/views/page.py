"""The page of one package."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.db.models import Case, Count, F, Q, Sum, When
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from posthouse.accounts.models import User
from posthouse.audit import search
from posthouse.audit.models import Event
from posthouse.cluster import servers
from posthouse.packages import access, tree
from posthouse.packages.models import Delivery, Package
from posthouse.packages.states import DOWNLOADS as DOWNLOAD_PLACE
from posthouse.web.paging import page, rows_per_page

NAMED = 10
DOWNLOADS = 50
EVENTS = 10


@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # its types know no arguments
@login_required
@require_GET
def detail(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Show a package to its sender or a recipient. A poll gets the live part only, or is told to load the page anew."""
    user = cast(User, request.user)
    package = _visible(user, package_id)
    mine = package.sender_id == user.pk
    if request.headers.get("HX-Request") == "true":
        if request.GET.get("was") != package.status:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "packages/detail_live.html", {"package": package, **_progress(package, mine=mine)})
    files = page(request, package.files.all())
    deliveries = access.told_of(user, package).select_related("recipient", "home").order_by("recipient__name", "pk")
    downloads = package.downloads.select_related("user", "file", "delivery__recipient").order_by("-started_at")
    # Files that came together in a zip file of some stand in its row.
    downloads = downloads.filter(Q(file=None) | Q(chosen=""))
    if not mine:
        downloads = downloads.filter(user=user)
    return render(
        request,
        "packages/detail.html",
        {
            "package": package,
            "mine": mine,
            "fetchable": package.is_open,
            "choosable": package.is_open and package.file_count > 1,
            "delivery": access.delivery(user, package.pk),
            "named": list(deliveries[:NAMED]),
            "recipient_count": deliveries.count(),
            "copies": package.copies.select_related("user").order_by("event", "pk") if mine else (),
            "elsewhere": mine and package.deliveries.exclude(home=servers.this()).exists(),
            "page": files,
            "page_count": -(-package.file_count // rows_per_page(request)),
            "lines": tree.lines((file.path, file) for file in files),
            "downloads": downloads[:DOWNLOADS],
            "download_place": f"{DOWNLOAD_PLACE}{package.pk}/",
            # Not for recipients, administrators among them: they would learn of private ones, and what others do.
            "events": _events(package) if mine else [],
            **_progress(package, mine=mine),
        },
    )


@login_required
@require_GET
def people(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """List all recipients of a package that has more than its page shows."""
    user = cast(User, request.user)
    package = _visible(user, package_id)
    deliveries = access.told_of(user, package).select_related("recipient", "home").order_by("recipient__name", "pk")
    context = {"package": package, "page": page(request, deliveries), "mine": package.sender_id == user.pk}
    return render(request, "packages/people.html", context)


def _events(package: Package) -> list[Event]:
    return search.find(search.Wish(account=package.pk), None, EVENTS).events


def _visible(user: User, package_id: UUID) -> Package:
    package = access.visible_to(user).select_related("sender", "origin").filter(pk=package_id).first()
    if package is None:
        raise Http404
    return package


def _progress(package: Package, *, mine: bool) -> dict[str, object]:
    """Return what the live part shows: how much has come up while it is uploading, whether it goes to other servers."""
    context: dict[str, object] = {"mine": mine, "relayed": mine and _relayed(package)}
    if package.status == Package.Status.UPLOADING:
        counted = package.files.aggregate(
            files=Count("pk", filter=Q(blob__isnull=False)),
            bytes=Coalesce(Sum(Case(When(blob__isnull=False, then=F("size")), default=F("upload__offset"))), 0),
        )
        context["progress"] = counted
    return context


def _relayed(package: Package) -> bool:
    here = servers.this()
    return package.origin_id == here.pk and Delivery.objects.filter(package=package).exclude(home=here).exists()
