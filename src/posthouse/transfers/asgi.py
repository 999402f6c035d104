"""The data plane of transfers: which path is whose."""

from __future__ import annotations

from django.conf import settings

from posthouse.lib.asgi import Receive, Scope, Send
from posthouse.transfers import bundles, downloads, uploads
from posthouse.transfers.errors import NotFound
from posthouse.transfers.http import Request, refuse

START = f"{settings.POSTHOUSE.prefix}/transfers/"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request under transfers/."""
    request = Request(scope, receive)
    match request.path.removeprefix(START).split("/"):
        case ["uploads"]:
            await uploads.serve(request, "", send)
        case ["uploads", name]:
            await uploads.serve(request, name, send)
        case ["bundles"]:
            await bundles.serve(request, send)
        case ["downloads", package, name]:
            await downloads.serve(request, package, name, send)
        case _:
            await refuse(send, NotFound(), head=request.method == "HEAD")
