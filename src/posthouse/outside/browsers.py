"""Which browser somebody outside uses: a random name in a cookie, so that what one has begun is shown to no other.

Several people may have the link of one invitation. Each of them sees what he sends himself, and nothing of the others'.
"""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, parse_cookie

COOKIE = f"posthouse_browser_{settings.POSTHOUSE.port}"
SECONDS = 90 * 24 * 3600
"""As long as an invitation may be good."""
LENGTH = 16


def mark(request: HttpRequest, invitation_id: UUID) -> str:
    """Return what stands for this browser in the keys of what it sends by an invitation; "" if it has no name."""
    name = _name(request)
    return hashlib.sha256(f"{invitation_id.hex}{name}".encode()).hexdigest()[:LENGTH] if name else ""


def remember(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give the browser a name, or let it keep the one that it has for longer."""
    response.set_cookie(
        COOKIE,
        _name(request) or secrets.token_urlsafe(32),
        max_age=SECONDS,
        path=settings.SESSION_COOKIE_PATH,
        secure=True,
        httponly=True,
        samesite="Lax",
    )


def _name(request: HttpRequest) -> str:
    found = parse_cookie(request.META.get("HTTP_COOKIE", "")).get(COOKIE, "")
    return found if 40 < len(found) < 50 and found.isascii() else ""
