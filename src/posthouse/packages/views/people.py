"""Calls of the pages on which recipients are named: completing names, understanding pasted lists, telling the way."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from posthouse.accounts.models import User
from posthouse.packages import addressing, calls, suggestions

SUGGESTIONS = 8


@login_required
@require_GET
def complete(request: HttpRequest) -> JsonResponse:
    """Complete what was typed to whom packages can be sent: {people: [{login, name, email, home}]}.

    These are users, workgroups, and an address outside that was typed whole. `login` is how a call names them, `home`
    where the package will go.
    """
    typed = request.GET.get("q", "").replace("\0", "").strip()[:254]
    found = suggestions.complete(typed, SUGGESTIONS, cast(User, request.user)) if typed else []
    return JsonResponse({"people": [asdict(one) for one in found]})


@login_required
@require_POST
def resolve(request: HttpRequest) -> JsonResponse:
    """Say who is meant by many names at once, as somebody pastes them: {people, errors: [sentence]}.

    The call is {names: [user name or e-mail address]}; `people` are as `complete` has them.
    """
    names = _call(request).get("names")
    if not calls.is_names(names):
        return JsonResponse({"error": "names is a list of texts."}, status=400)
    found, errors = addressing.resolve(cast(User, request.user), names)
    return JsonResponse({"people": [asdict(one) for one in found], "errors": errors})


@login_required
@require_POST
def where(request: HttpRequest) -> JsonResponse:
    """Say where a package would go: {people, outside, places: [{name, here, people}], errors: [sentence]}.

    The call is {recipients, private}, as for a new package.
    """
    call = _call(request)
    named, private = call.get("recipients"), call.get("private")
    if not calls.is_names(named) or not calls.is_names(private):
        return JsonResponse({"error": "recipients and private are lists of texts."}, status=400)
    return JsonResponse(asdict(addressing.where(cast(User, request.user), named, private)))


def _call(request: HttpRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
