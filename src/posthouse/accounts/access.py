"""Who may do what, and on which server."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server

View = Callable[..., HttpResponseBase]


def administrator_required(view: View) -> View:
    """Let administrators pass, send strangers to the log-in page, and tell everybody else why not."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not getattr(request.user, "is_administrator", False):
            raise PermissionDenied("This page is for administrators. If you need it, ask one of them.")
        return view(request, *args, **kwargs)

    return guarded


def elsewhere(user: User) -> Server | None:
    """Return the server to which this person must go to log in, or None when it is this one (M1).

    Administrators can log in everywhere. Who has no home server yet lives at the master.
    """
    if user.is_administrator or user.local:
        return None
    home = user.home or servers.master()
    return None if home is None or home.is_self else home


def keeper(user: User | None = None) -> Server | None:
    """Return the server on which accounts, or this account, must be changed; None when it is this one (M3).

    A slave holds copies of the master's accounts. A local account belongs to the server it is on.
    """
    if user is not None and user.local:
        return None
    here = servers.this()
    if here.role != Server.Role.SLAVE:
        return None
    return servers.master() or here


def address(server: Server, name: str, *args: Any) -> str:
    """Return the absolute address that the page called `name` has on a server."""
    path = reverse(name, args=args).removeprefix(settings.POSTHOUSE.prefix)
    return f"{server.origin}{server.namespace.rstrip('/')}{path}"
