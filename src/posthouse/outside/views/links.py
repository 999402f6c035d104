"""The pages by which people without an account fetch packages."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from posthouse.accounts.models import User
from posthouse.audit import log as audit
from posthouse.cluster.access import at_master
from posthouse.outside import guesses, links, visits
from posthouse.outside.forms import PasswordForm, PolicyForm
from posthouse.outside.views.answers import no_link, private
from posthouse.packages import access, policies, tree
from posthouse.packages import contents as package_contents
from posthouse.packages.states import DOWNLOADS
from posthouse.web.access import address_of
from posthouse.web.paging import page

FILES = 200
"""Rows of a page: people without an account have set none."""


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Open a link, if need be with its password, and go on to a page whose address holds no secret.

    Whatever is wrong with a link, the answer is the same.
    """
    address = address_of(request)
    link = None if guesses.too_many(address) else links.find(secret)
    if link is None:
        guesses.wrong(address)
        return no_link(request)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    if link.password:
        if not form.is_valid():
            return private(render(request, "outside/password.html", {"form": form}))
        if not links.opens(link, form.cleaned_data["password"]):
            form.add_error("password", "This is not the password. After many wrong ones none is taken for a while.")
            return private(render(request, "outside/password.html", {"form": form}, status=403))
    links.opened(link)
    response = redirect("outside:package", link.pk)
    visits.remember(request, response, link.pk)
    return private(response)


@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # its types know no arguments
@never_cache
@require_safe
def package(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """Show a package to somebody outside who has opened its link."""
    link = visits.link(request.META.get("HTTP_COOKIE", ""), link_id)
    if link is None:
        return no_link(request)
    shown = link.delivery.package
    files = page(request, shown.files.all(), FILES)
    context = {
        "package": shown,
        "link": link,
        "ends": min((end for end in (link.expires_at, shown.expires_at) if end), default=None),
        "several": shown.file_count > 1,
        "page": files,
        "page_count": -(-shown.file_count // FILES),
        "lines": tree.lines((file.path, file) for file in files),
        "download_place": f"{DOWNLOADS}{shown.pk}/",
    }
    return private(render(request, "outside/package.html", context))


@never_cache
@require_safe
def contents(request: HttpRequest, link_id: UUID) -> JsonResponse:
    """Tell somebody outside who has opened a link what is in the package (see posthouse.packages.contents)."""
    link = visits.link(request.META.get("HTTP_COOKIE", ""), link_id)
    if link is None:
        raise Http404
    shown = link.delivery.package
    return JsonResponse(package_contents.of(shown, f"{DOWNLOADS}{shown.pk}/"))


@login_required
@require_POST
def again(request: HttpRequest, package_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Make a new link for a recipient outside, in place of the old one, and mail it."""
    own = access.own(cast(User, request.user), package_id)
    if own is None:
        raise Http404
    here = own.deliveries.filter(recipient=None, home__is_self=True, available_at__isnull=False)
    delivery = get_object_or_404(here.select_related("package__sender"), pk=delivery_id)
    with transaction.atomic():
        links.give(delivery)
        audit.record(audit.who(request), "package.link", f"{delivery.email} got a new link to “{own.title}”.", own)
    messages.success(request, f"{delivery.email} gets a new link by e-mail. The old one is not good any more.")
    return redirect("packages:detail", package_id)


@at_master
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    """Set what holds for sending to outside e-mail addresses (M4)."""
    form = PolicyForm(request.POST if request.method == "POST" else None, instance=policies.outside())
    if form.is_valid():
        with transaction.atomic():
            form.save()
            audit.record(audit.who(request), "outside.policy", f"Sending to outside addresses is {form.instance}.")
        messages.success(request, "What holds for recipients outside was saved.")
        return redirect("web:configuration")
    return render(request, "outside/policy.html", {"form": form})
