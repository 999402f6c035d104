"""The one application that the server runs: the data plane by path, Django for everything else.

Django takes in the whole body of every request before a view sees it, so the bytes of packages go round it, and what
goes to it is bounded.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "posthouse.config.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

from posthouse.lib.asgi import Application, Receive, Scope, Send, with_bounded_body, with_one_cookie

django: Application = get_asgi_application()  # first: it loads the apps that the data plane is made of

from posthouse.relays.asgi import application as relays  # noqa: E402
from posthouse.transfers.asgi import application as transfers  # noqa: E402

DATA_PLANE = {
    f"{settings.POSTHOUSE.prefix}/transfers/": transfers,
    f"{settings.POSTHOUSE.prefix}/relay/": relays,
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand the request to the data plane or to Django."""
    if scope["type"] == "http":
        for start, plane in DATA_PLANE.items():
            if scope["path"].startswith(start):
                await plane(scope, receive, send)
                return
        bounded = with_bounded_body(scope, receive, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        await django(with_one_cookie(scope), bounded, send)
