"""Sessions end when nobody has used them for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from posthouse.accounts import preferences
from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.accounts.sessions import PASSWORD_IS_OLD
from posthouse.web.access import address_of

SEEN = "seen"
STEP = 60  # seconds; a session is written at most so often


class SessionTimeoutMiddleware:
    """Move the end of a session on with each request that a person made.

    A page that polls by itself must not keep the session of somebody who went home. Such a request says so: htmx
    sends `HX-Request: true`, and the element that polls adds `hx-headers='{"Posthouse-Poll": "1"}'`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; a person's first one in each minute has the session saved, which moves its end on."""
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        if not polls(request) and request.user.is_authenticated:
            now = int(time.time())
            if not 0 <= now - request.session.get(SEEN, 0) < STEP:  # below 0: the clock was set back
                request.session[SEEN] = now
        response = self.get_response(request)
        if by_htmx(request) and response.headers.get("Location", "").startswith(resolve_url(settings.LOGIN_URL)):
            # htmx would put the log-in page into a corner of the page: load the page anew, which leads to it.
            return HttpResponseClientRefresh()
        return response


class TimeZoneMiddleware:
    """Show times in the zone that a person has chosen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; a visitor sees times in UTC."""
        with timezone.override(preferences.zone(getattr(request.user, "time_zone", ""))):
            return self.get_response(request)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer for somebody who is in, but may not be here from his network, or with his old password."""
    user = request.user
    if not isinstance(user, User):
        return None
    address = address_of(request)
    if request.path == reverse("accounts:logout"):
        return None
    if not SignIn.in_force().lets_in(address, administrator=user.is_administrator):
        return render(request, "accounts/wrong_network.html", {"address": address}, status=403)
    if request.session.get(PASSWORD_IS_OLD) and request.path != reverse("accounts:me"):
        return redirect("accounts:me")
    return None


def by_htmx(request: HttpRequest) -> bool:
    """Whether htmx sent this request, so that the answer goes into a part of a page."""
    return request.headers.get("HX-Request") == "true"


def polls(request: HttpRequest) -> bool:
    """Whether a page sent this request by itself."""
    return by_htmx(request) and request.headers.get("Posthouse-Poll") == "1"
