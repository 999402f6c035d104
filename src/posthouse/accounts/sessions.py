"""Whose session a cookie stands for, for the data plane, which Django's middleware does not reach."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from posthouse.accounts.models import User


def user_for_cookie(cookie_header: str) -> User | None:
    """Return the user whose session the `Cookie` header of a request names, by the same rules as for pages.

    Reads the database; does not move the session's end on.
    """
    key = parse_cookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if isinstance(user, User) else None


def forget_old() -> None:
    """Delete the sessions that have ended."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
