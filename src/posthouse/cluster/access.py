"""Pages that only the master answers."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.web.access import View, administrator_required


def at_master(view: View) -> View:
    """On a slave, say which server to go to, with a link, instead of answering."""

    @administrator_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if servers.this().role != Server.Role.SLAVE:
            return view(request, *args, **kwargs)
        master = servers.master()
        found = request.resolver_match
        url = servers.page(master, found.view_name, **found.kwargs) if master and found else ""
        context = {"master": master, "url": url}
        return render(request, "cluster/at_master.html", context, status=403)

    return guarded
