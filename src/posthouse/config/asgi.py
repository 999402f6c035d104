"""The one application that the server runs: the data plane by path, Django for everything else.

Django takes in the whole body of every request before a view sees it, so the bytes of packages go round it, and what
goes to it is bounded: the body, and how many requests are answered at once, for each of them takes a thread.
"""

from __future__ import annotations

import asyncio
import gc
import os
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "posthouse.config.settings")

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from posthouse.lib.asgi import Receive, Scope, Send, with_bounded_body, with_one_cookie

django.setup(set_prefix=False)  # first: it loads the apps that the data plane is made of

from posthouse.relays.asgi import application as relays  # noqa: E402
from posthouse.transfers.asgi import application as transfers  # noqa: E402

DATA_PLANE = {
    f"{settings.POSTHOUSE.prefix}/transfers/": transfers,
    f"{settings.POSTHOUSE.prefix}/relay/": relays,
}

THREADS = 64


class Pages(ASGIHandler):
    """Django, answering THREADS requests at once. A request whose body is slow to come holds up nobody."""

    def __init__(self) -> None:
        super().__init__()
        self._slots = asyncio.Semaphore(THREADS)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request whose body is here."""
        async with self._slots:
            return await super().get_response_async(request)


pages = Pages()
import_module(settings.ROOT_URLCONF)  # all views: the first request need not wait for them

# What is loaded stays. Python would go through it again and again in search of garbage, and stop all for a tenth of a
# second each time: requests, uploads and downloads.
gc.collect()
gc.freeze()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand the request to the data plane or to Django."""
    if scope["type"] == "http":
        for start, plane in DATA_PLANE.items():
            if scope["path"].startswith(start):
                await plane(scope, receive, send)
                return
        bounded = with_bounded_body(scope, receive, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        await pages(with_one_cookie(scope), bounded, send)
