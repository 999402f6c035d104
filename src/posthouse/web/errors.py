"""Pages for requests that cannot be answered: what happened, and what to do now."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from posthouse.web.context import server


def _page(request: HttpRequest, status: int, heading: str, text: str) -> HttpResponse:
    return render(request, "web/error.html", {"code": status, "heading": heading, "text": text}, status=status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Say that a form came from a page that is too old, or from elsewhere."""
    return _page(
        request,
        403,
        "This form is no longer valid",
        "You may have logged in or out in another window since you opened it, or your browser keeps no cookies. "
        "Go back, load the page again and repeat what you did. Nothing was changed.",
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Answer a request that makes no sense."""
    return _page(
        request,
        400,
        "This request cannot be understood",
        "The address or the form that your browser sent is damaged. Go back, load the page again and repeat.",
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer somebody who may not do this; a refusal may bring a sentence of its own."""
    return _page(
        request,
        403,
        "You may not do this",
        str(exception) or "If you need it for your work, ask an administrator of this server.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - it would tell what exists
    """Answer a request for something that is not here, or not for this person to see."""
    return _page(
        request,
        404,
        "There is nothing here",
        "The address is wrong, what was here has gone, or it is not for you to see. "
        "If somebody sent you this link, ask whether it was meant for this account and this server.",
    )


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - nothing of the request is safe to use now
    """Answer when the server itself failed; uses neither the database nor the session."""
    return HttpResponse(render_to_string("web/server_error.html", server()), status=500)
