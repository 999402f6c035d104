"""What people do with a package that is there: its sender ends it or changes its terms, a recipient puts it aside."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.packages import access, ending, lifecycle
from posthouse.packages.forms import ExpiryForm
from posthouse.packages.models import Delivery, Package
from posthouse.packages.views.answers import done

PLACES = ("archive", "back", "delete")
UNCHANGED = "Nothing was changed: the package is uploading, or has ended already."
ENDS = {"recall": Package.End.RECALLED, "delete": Package.End.DELETED}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, package_id: UUID, how: str) -> HttpResponse:
    """Ask the sender, or an administrator, whether a package shall be recalled or deleted, and do it."""
    package = _ruled(request, package_id)
    if how not in ENDS:
        raise Http404
    if request.method == "POST":
        if ending.end(package.pk, ENDS[how], audit.who(request)):
            said = f"“{package.title}” was {ENDS[how].label.lower()}. Nobody can fetch it any more."
            return done(request, _back(request, package), said)
        return done(request, _back(request, package), UNCHANGED, well=False)
    return render(request, "packages/end.html", {"package": package, "how": how})


@login_required
@require_POST
def release(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Let recipients fetch a package now that was to wait."""
    package = _ruled(request, package_id)
    with transaction.atomic():
        well = lifecycle.release_now(package.pk)
        if well:
            audit.record(audit.who(request), "package.released", f"“{package.title}” was released.", package)
    said = "The package was released: its recipients are told now."
    said = said if well else "The package was released already, or has ended."
    return done(request, _back(request, package), said, well=well)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def expiry(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Change when a package ends."""
    package = _ruled(request, package_id)
    form = ExpiryForm(package, request.POST if request.method == "POST" else None)
    if form.is_valid():
        with transaction.atomic():
            well = ending.set_expiry(package.pk, form.moment)
            if well:
                day = form.cleaned_data["day"]
                text = f"The end of “{package.title}” was changed: {f'after {day:%-d %B %Y}' if day else 'none'}."
                audit.record(audit.who(request), "package.expiry", text, package)
        said = "The end of the package was changed, on all its servers." if well else UNCHANGED
        return done(request, _back(request, package), said, well=well)
    return render(request, "packages/expiry.html", {"package": package, "form": form})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def put(request: HttpRequest, package_id: UUID, place: str) -> HttpResponse:
    """Put a package that somebody received into his archive, back, or, after a question, away for good."""
    delivery = access.delivery(cast(User, request.user), package_id)
    if delivery is None or place not in PLACES:
        raise Http404
    if request.method != "POST":
        if place != "delete":
            return HttpResponseNotAllowed(["POST"])
        return render(request, "packages/hide.html", {"package": delivery.package})
    title = delivery.package.title
    if place == "delete":
        with transaction.atomic():
            ending.hide(delivery)
            text = f"“{title}” was deleted by a recipient for himself."
            audit.record(audit.who(request), "package.hidden", text, delivery.package)
        return done(request, redirect("packages:received"), f"“{title}” is not in your list any more.")
    aside = timezone.now() if place == "archive" else None
    Delivery.objects.filter(pk=delivery.pk).update(archived_at=aside)
    said = f"“{title}” is {'in your archive' if aside else 'among your received packages again'}."
    return done(request, redirect("packages:received"), said)


def _ruled(request: HttpRequest, package_id: UUID) -> Package:
    """Return a package of this server about which this person decides: its sender, or an administrator."""
    user = cast(User, request.user)
    package = access.own(user, package_id) or access.listed_for(user).filter(pk=package_id).first()
    if package is None or not package.origin.is_self:
        raise Http404
    return package


def _back(request: HttpRequest, package: Package) -> HttpResponse:
    mine = package.sender_id == cast(User, request.user).pk
    return redirect("packages:detail", package.pk) if mine else redirect("packages:all")
