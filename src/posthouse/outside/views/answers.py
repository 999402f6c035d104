"""How people without an account are answered."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def no_link(request: HttpRequest) -> HttpResponse:
    """Say that a link is not good, in the same words whatever is wrong with it."""
    return private(render(request, "outside/no_link.html", status=404))


def private(response: HttpResponse) -> HttpResponse:
    """Keep a page from search engines; other servers are told nothing of its address on any page."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
