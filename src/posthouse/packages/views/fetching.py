"""What clients need to fetch a package, and to decrypt it on the way."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from posthouse.accounts.models import User
from posthouse.packages import access
from posthouse.packages import contents as package_contents
from posthouse.packages.states import DOWNLOADS

WORKER = Path(__file__).parents[1] / "static" / "packages" / "worker.js"


@never_cache
@login_required
@require_GET
def contents(request: HttpRequest, package_id: UUID) -> JsonResponse:
    """Tell whoever may fetch a package what is in it (see posthouse.packages.contents)."""
    package = access.may_fetch(cast(User, request.user), package_id)
    if package is None:
        raise Http404
    return JsonResponse(package_contents.of(package, f"{DOWNLOADS}{package.pk}/"))


@require_safe
def worker(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Return the service worker. It may act in its own folder only, where nothing else lies."""
    return HttpResponse(_worker(), content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"})


@cache
def _worker() -> bytes:
    return WORKER.read_bytes()
