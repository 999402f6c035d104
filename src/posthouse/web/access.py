"""Pages that are for administrators only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

View = Callable[..., HttpResponseBase]


def address_of(request: HttpRequest) -> str:
    """Return the IP address that a request came from."""
    return str(request.META.get("REMOTE_ADDR", ""))


def administrator_required(view: View) -> View:
    """Let administrators pass, send strangers to the log-in page, and tell everybody else why not."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not getattr(request.user, "is_administrator", False):
            raise PermissionDenied("This page is for administrators. If you need it, ask one of them.")
        return view(request, *args, **kwargs)

    return guarded
