"""New Package: the form, the call that makes the package, and what an upload needs to go on."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from posthouse.accounts.models import User
from posthouse.packages import access, calls, drafts, forwarding, lifecycle, limits, policies, states
from posthouse.packages.models import Package


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show the form; make the package that a JSON call describes.

    The call is {title, note, recipients: [log-in name], files: [{path, size}]}; it may also have `private`, more
    recipients whom the others are not told of, `cc` (lists of who is told of its `upload`, `receipt` and `download` and
    gets nothing of it), `release` (a time with its zone), `days` until the end (null: none),
    `after` ("keep", "any" or "all": what follows the downloads), `link` ({days, once, password} for recipients outside,
    who are named by their e-mail addresses), `envelope` (see docs/decisions/2026-11-28-encryption.md) if the files are
    encrypted, and `key`, with which it may be said again by a client that missed the answer. The answer is 201 with
    what the upload needs (see `upload`), 422 with {errors: {field: [sentence]}}, or 400 when it is not such a call at
    all.
    """
    if request.method != "POST":
        return render(request, "packages/new.html", _choices())
    return calls.make(request, lambda call: drafts.create(cast(User, request.user), **call), _state)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def forward(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Show the form for passing a package on; make the new package by a call as for `new`, without its files."""
    user = cast(User, request.user)
    package = access.may_fetch(user, package_id)
    if package is None:
        raise Http404
    if request.method != "POST":
        return render(request, "packages/forward.html", {"package": package, **_choices()})

    def passed_on(call: dict[str, Any]) -> Package:
        theirs = {name: value for name, value in call.items() if name not in {"files", "envelope"}}
        return forwarding.forward(user, package, **theirs)

    return calls.make(request, passed_on, _state)


@login_required
@require_GET
def upload(request: HttpRequest, package_id: UUID) -> JsonResponse:
    """Tell the sender what the server has of a package, and give a fresh right to upload the rest.

    {package, url, status, right, uploads, files: [{id, path, size, offset, upload}]}: `upload` is the address at which
    a file's upload goes on, null if it was not begun or is complete. A package that is not uploading any more has no
    right and no files.
    """
    package = access.own(cast(User, request.user), package_id)
    if package is None:
        raise Http404
    # Mends what a crash between the last byte and the closing may have left.
    if package.status == Package.Status.UPLOADING and lifecycle.close_if_whole(package.pk):
        package.refresh_from_db()
    return JsonResponse(_state(package))


@login_required
@require_POST
def discard(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """End an upload that its sender does not want to finish."""
    package = access.own(cast(User, request.user), package_id)
    if package is None:
        raise Http404
    if lifecycle.give_up(package, "The sender discarded it before all files were uploaded."):
        messages.success(request, f"“{package.title}” was discarded. Nobody received anything of it.")
        return redirect("packages:sent")
    messages.error(request, "The package was not discarded: it is not uploading any more.")
    return redirect("packages:detail", package.pk)


def _choices() -> dict[str, Any]:
    """Return what the form must know of what may be chosen."""
    return {
        "limits": limits,
        "policy": policies.policy(),
        "outside": policies.outside(),
        "after": Package.After.choices,
    }


def _state(package: Package) -> dict[str, Any]:
    url = reverse("packages:detail", args=[package.pk])
    return states.of(package, url, again=reverse("packages:upload", args=[package.pk]))
