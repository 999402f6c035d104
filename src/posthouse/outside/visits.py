"""Visitors: who has opened a link or an invitation is known by a signed cookie, so that no later address has a secret.

The cookie names links and invitations by their ids. What they allow is looked up each time: when a link ends, so does
what its cookie is good for.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase, parse_cookie

from posthouse.outside import links
from posthouse.outside.models import Link
from posthouse.packages.models import Delivery

COOKIE = f"posthouse_visit_{settings.POSTHOUSE.port}"
SALT = "posthouse.outside.visit"
MOST = 10
"""Links that one browser has open at the same time; the oldest is forgotten."""
SECONDS = 12 * 3600


def open_ids(cookie_header: str) -> list[UUID]:
    """Return what the `Cookie` header of a request has opened, newest first."""
    value = parse_cookie(cookie_header).get(COOKIE)
    if not value:
        return []
    try:
        return [UUID(text) for text in signing.loads(value, salt=SALT, max_age=SECONDS)]
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return []


def remember(request: HttpRequest, response: HttpResponseBase, opened: UUID) -> None:
    """Give the browser a cookie with which what it has opened stays open."""
    before = [one for one in open_ids(request.META.get("HTTP_COOKIE", "")) if one != opened]
    value = signing.dumps([one.hex for one in [opened, *before][:MOST]], salt=SALT)
    response.set_cookie(
        COOKIE, value, max_age=SECONDS, path=settings.SESSION_COOKIE_PATH, secure=True, httponly=True, samesite="Lax"
    )


def link(cookie_header: str, link_id: UUID) -> Link | None:
    """Return a link that a browser has opened, if it is still good."""
    return links.good().filter(pk=link_id).first() if link_id in open_ids(cookie_header) else None


def delivery(cookie_header: str, package_id: UUID) -> Delivery | None:
    """Return whose share of a package a visitor may fetch, or None."""
    ids = open_ids(cookie_header)
    found = links.good().filter(pk__in=ids, delivery__package=package_id).first() if ids else None
    return found.delivery if found else None
