"""Pages that only the master answers, because it keeps the rules."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.web.access import View, administrator_required


def rules_at_master(view: View) -> View:
    """On a slave, say that the rules are kept on the master, with a link, instead of answering."""

    @administrator_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if servers.this().role != Server.Role.SLAVE:
            return view(request, *args, **kwargs)
        master = servers.master()
        context = {"master": master, "url": servers.page(master, "homes:rules") if master else ""}
        return render(request, "homes/at_master.html", context, status=403)

    return guarded
