"""New Package: the form, the call that makes the package, and what an upload needs to go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from posthouse.accounts import people
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import access, drafts, forwarding, lifecycle, limits, rights
from posthouse.packages.drafts import Terms
from posthouse.packages.models import Package
from posthouse.store.errors import StoreError

SUGGESTIONS = 8
UPLOADS = f"{settings.POSTHOUSE.prefix}/transfers/uploads/"


class _Malformed(Exception):
    """The call does not read as it should; the message says how."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show the form; make the package that a JSON call describes.

    The call is {title, note, recipients: [log-in name], files: [{path, size}]}; it may also have `private`, more
    recipients whom the others are not told of, `release` (a time with its zone), `days` until the end (null: none),
    `after` ("keep", "any" or "all": what follows the downloads), `link` ({days, once, password} for recipients outside,
    who are named by their e-mail addresses), and `key`, with which it may be said again by a client
    that missed the answer. The answer is 201 with what the upload needs (see `upload`), 422 with
    {errors: {field: [sentence]}}, or 400 when it is not such a call at all.
    """
    if request.method != "POST":
        return render(request, "packages/new.html", {"limits": limits, "suggestions": SUGGESTIONS})
    return _make(request, lambda call: drafts.create(cast(User, request.user), **call))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def forward(request: HttpRequest, package_id: UUID) -> HttpResponse:
    """Show the form for passing a package on; make the new package by a call as for `new`, without its files."""
    user = cast(User, request.user)
    package = access.may_fetch(user, package_id)
    if package is None:
        raise Http404
    if request.method != "POST":
        return render(request, "packages/forward.html", {"package": package, "limits": limits})

    def passed_on(call: dict[str, Any]) -> Package:
        return forwarding.forward(user, package, **{name: call[name] for name in call if name != "files"})

    return _make(request, passed_on)


def _make(request: HttpRequest, make: Callable[[dict[str, Any]], Package]) -> JsonResponse:
    """Make a package by what the body of a request asks for, and answer with its state or with what is wrong."""
    try:
        package = make(_call(request))
    except RequestDataTooBig:
        return _refuse({"files": ["The list of files is too long for one package. Send several, or one archive."]}, 413)
    except _Malformed as error:
        return _refuse({"call": [str(error)]}, 400)
    except drafts.Refused as refused:
        return _refuse(refused.errors, 422)
    except StoreError as error:
        return _refuse({"files": [str(error)]}, 507)
    return JsonResponse(_state(package), status=201)


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


@login_required
@require_GET
def recipients(request: HttpRequest) -> JsonResponse:
    """Complete what was typed to people who can get packages: {people: [{login, name, email, home}]}."""
    typed = request.GET.get("q", "").replace("\0", "").strip()[:150]
    found = people.complete(typed, SUGGESTIONS, cast(User, request.user)) if typed else []
    here = servers.this()
    return JsonResponse(
        {
            "people": [
                {
                    "login": person.login,
                    "name": str(person),
                    "email": person.email,
                    "home": (person.home or here).name,
                }
                for person in found
            ]
        }
    )


def _call(request: HttpRequest) -> dict[str, Any]:
    """Return the arguments of `drafts.create`. Raise _Malformed if the body is not a call of the right shape."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise _Malformed("The call is not proper JSON.") from error
    if not isinstance(body, dict):
        raise _Malformed("The call is not a JSON object.")
    title, note = body.get("title", ""), body.get("note", "")
    logins, files = body.get("recipients", []), body.get("files", [])
    key = body.get("key", "")
    if not isinstance(key, str) or len(key) > limits.KEY or not key.isascii() or (key and not key.isprintable()):
        raise _Malformed(f"key is a text of up to {limits.KEY} plain characters.")
    if not isinstance(title, str) or not isinstance(note, str):
        raise _Malformed("title and note are texts.")
    private = body.get("private", [])
    for some in (logins, private):
        if not isinstance(some, list) or not all(isinstance(login, str) for login in some):
            raise _Malformed("recipients and private are lists of log-in names.")
    if not isinstance(files, list) or not all(_is_file(file) for file in files):
        raise _Malformed("files is a list of {path, size}, the size in bytes.")
    return {
        "title": title,
        "note": note,
        "recipients": logins,
        "files": [(file["path"], file["size"]) for file in files],
        "key": key,
        "private": private,
        "terms": _terms(body),
    }


def _terms(body: dict[str, Any]) -> Terms:
    release, days, after = body.get("release"), body.get("days", "policy"), body.get("after", "")
    if not (days is None or days == "policy" or (type(days) is int and abs(days) < 2**31)):
        raise _Malformed("days is a whole number, or null for no end.")
    if not isinstance(after, str):
        raise _Malformed("after is keep, any or all.")
    link = body.get("link", {})
    if not isinstance(link, dict):
        raise _Malformed("link is an object.")
    link_days, once, password = link.get("days", "policy"), link.get("once", False), link.get("password", "")
    if not (link_days is None or link_days == "policy" or (type(link_days) is int and abs(link_days) < 2**31)):
        raise _Malformed("The days of a link are a whole number, or null for no end.")
    if not isinstance(once, bool) or not isinstance(password, str) or len(password) > limits.PASSWORD:
        raise _Malformed("once is true or false, and the password a text.")
    terms = Terms(None, days, after, link_days, once, password)
    if release is None:
        return terms
    try:
        moment = datetime.fromisoformat(release)
    except (TypeError, ValueError) as error:
        raise _Malformed("release is a time as in ISO 8601.") from error
    if moment.utcoffset() is None:
        raise _Malformed("release needs a time zone.")
    return replace(terms, release_at=moment)


def _is_file(file: object) -> bool:
    return (
        isinstance(file, dict) and isinstance(file.get("path"), str) and type(file.get("size")) is int  # a bool is none
    )


def _state(package: Package) -> dict[str, Any]:
    state: dict[str, Any] = {
        "package": str(package.pk),
        "url": reverse("packages:detail", args=[package.pk]),
        "status": package.status,
        "right": None,
        "uploads": UPLOADS,
        "files": [],
    }
    if package.status == Package.Status.UPLOADING:
        state["right"] = rights.issue(package)
        # The uploads are rows of a higher room; the join names them, and nothing here depends on what they are.
        files = package.files.values_list("pk", "path", "size", "blob", "upload", "upload__offset")
        state["files"] = [
            {
                "id": str(pk),
                "path": path,
                "size": size,
                "offset": size if blob else at or 0,
                "upload": None if blob or upload_id is None else f"{UPLOADS}{upload_id}",
            }
            for pk, path, size, blob, upload_id, at in files
        ]
    return state


def _refuse(errors: dict[str, list[str]], status: int) -> JsonResponse:
    return JsonResponse({"errors": errors}, status=status)
