"""The pages of invitations: for who invites, and for who was invited."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from posthouse.accounts import permissions
from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.outside import browsers, guesses, invitations, visits
from posthouse.outside.forms import InvitationForm
from posthouse.outside.models import Invitation
from posthouse.outside.views.answers import no_link, private
from posthouse.packages import calls, lifecycle, limits, states
from posthouse.packages.models import Package
from posthouse.web.access import address_of
from posthouse.web.paging import page


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List one's own invitations."""
    mine = Invitation.objects.filter(inviter=cast(User, request.user)).order_by("-created_at", "-pk")
    return render(request, "outside/invitations.html", {"page": page(request, mine), "now": timezone.now()})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Invite somebody outside."""
    user = cast(User, request.user)
    if not permissions.may(user, permissions.INVITE):
        raise PermissionDenied(permissions.INVITE.refusal)
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with transaction.atomic():
            made = invitations.invite(user, **form.cleaned_data)
            audit.record(audit.who(request), "invitation.made", f"{user} invited {made.email} to send packages.", made)
        messages.success(request, f"{made.email} gets the invitation by e-mail.")
        return redirect("outside:invitations")
    return render(request, "outside/invite.html", {"form": form})


@login_required
@require_POST
def revoke(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """End an invitation."""
    found = get_object_or_404(Invitation, pk=invitation_id, inviter=cast(User, request.user))
    if invitations.revoke(found):
        audit.record(audit.who(request), "invitation.revoked", f"{found.email} was disinvited.", found)
        messages.success(request, f"The invitation of {found.email} was taken back.")
    else:
        messages.info(request, "This invitation has ended already.")
    return redirect("outside:invitations")


@never_cache
@require_safe
def open_invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Open an invitation, and go on to a page whose address holds no secret."""
    address = address_of(request)
    found = None if guesses.too_many(address) else invitations.find(secret)
    if found is None:
        guesses.wrong(address)
        return no_link(request)
    response = redirect("outside:send", found.pk)
    visits.remember(request, response, found.pk)
    browsers.remember(request, response)
    return private(response)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Show the form for sending to the inviter; make the package by a call as for New Package, without recipients."""
    found = _open(request, invitation_id)
    if found is None:
        return no_link(request)
    browser = browsers.mark(request, found.pk)
    if request.method != "POST":
        begun = list(invitations.unfinished(found))
        here = [one for one in begun if one.key.startswith(invitations.mark(found.pk, browser))]
        # Of what other browsers have begun the page tells no more than when: others may have the link, too.
        elsewhere = [(one.pk, one.created_at) for one in begun if one not in here]
        context = {"invitation": found, "limits": limits, "unfinished": here, "elsewhere": elsewhere}
        return private(render(request, "outside/send.html", context))

    def take(call: dict[str, Any]) -> Package:
        told = [call[name] for name in ("title", "note", "files", "key", "envelope")]
        return invitations.take(found, browser, *told)

    return calls.make(request, take, lambda package: _state(found, package))


@never_cache
@require_GET
def upload(request: HttpRequest, invitation_id: UUID, package_id: UUID) -> JsonResponse:
    """Tell what the server has of a package that somebody outside sends, and give a fresh right to upload the rest."""
    found, package = _sent(request, invitation_id, package_id)
    if package.status == Package.Status.UPLOADING and lifecycle.close_if_whole(package.pk):
        package.refresh_from_db()
    return JsonResponse(_state(found, package))


@never_cache
@require_safe
def sent(request: HttpRequest, invitation_id: UUID, package_id: UUID) -> HttpResponse:
    """Tell somebody outside that his package has arrived, or let him go on with its upload."""
    found, package = _sent(request, invitation_id, package_id)
    again = reverse("outside:upload", args=[found.pk, package.pk])
    return private(render(request, "outside/sent.html", {"invitation": found, "package": package, "again": again}))


@require_POST
def discard(request: HttpRequest, invitation_id: UUID, package_id: UUID) -> HttpResponse:
    """End an upload that was begun with an invitation, in whatever browser, and give its use back."""
    found = _open(request, invitation_id)
    package = invitations.unfinished(found).filter(pk=package_id).first() if found else None
    if found is None:
        return no_link(request)
    if package is not None and invitations.discard(found, package):
        messages.success(request, "The upload was discarded. You can send the files anew.")
    else:
        messages.info(request, "This upload has ended already.")
    return redirect("outside:send", found.pk)


def _open(request: HttpRequest, invitation_id: UUID) -> Invitation | None:
    """Return an invitation that this browser has opened, also one that was used up since: something may go on."""
    opened = invitation_id in visits.open_ids(request.META.get("HTTP_COOKIE", ""))
    named = bool(browsers.mark(request, invitation_id))
    return invitations.good().filter(pk=invitation_id).first() if opened and named else None


def _sent(request: HttpRequest, invitation_id: UUID, package_id: UUID) -> tuple[Invitation, Package]:
    """Return an invitation and what this very browser sends with it."""
    found = _open(request, invitation_id)
    package = None
    if found is not None:
        mine = invitations.sent_with(found, browsers.mark(request, found.pk))
        package = mine.filter(pk=package_id).first()
    if found is None or package is None:
        raise Http404
    return found, package


def _state(invitation: Invitation, package: Package) -> dict[str, Any]:
    place = [invitation.pk, package.pk]
    return states.of(package, reverse("outside:sent", args=place), again=reverse("outside:upload", args=place))
