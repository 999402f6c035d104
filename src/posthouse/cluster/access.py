"""Who may see the cluster pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from posthouse.cluster import servers
from posthouse.cluster.models import Server

View = Callable[..., HttpResponse]


def administrators(view: View) -> View:
    """Let administrators in, and nobody else."""

    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not getattr(request.user, "is_administrator", False):
            raise PermissionDenied("This page is for administrators. If you need it, ask one of them.")
        return view(request, *args, **kwargs)

    return guarded


def at_master(view: View) -> View:
    """On a slave, say which server to go to, with a link, instead of answering."""

    @administrators
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if servers.this().role != Server.Role.SLAVE:
            return view(request, *args, **kwargs)
        master = servers.master()
        context = {"master": master, "url": servers.page(master, "sync:servers") if master else ""}
        return render(request, "cluster/at_master.html", context, status=403)

    return guarded
