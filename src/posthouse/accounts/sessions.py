"""Sessions, and whose session a cookie stands for, for the data plane, which Django's middleware does not reach."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.http import HttpRequest, parse_cookie

from posthouse.accounts.models import User
from posthouse.licensing.models import Session


class SessionStore(db.SessionStore):
    """Sessions in the database, each with its owner beside it: seats are counted by that, and it can be ended."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model of a session."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row of this session."""
        row = super().create_model_instance(data)
        assert isinstance(row, Session)  # noqa: S101 - of the class above
        row.user = UUID(data[SESSION_KEY]) if data.get(BACKEND_SESSION_KEY) else None
        return row


def user_for_cookie(cookie_header: str) -> User | None:
    """Return the user whose session the `Cookie` header of a request names, by the same rules as for pages.

    Reads the database; does not move the session's end on.
    """
    key = parse_cookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    return user if isinstance(user, User) else None


def forget_old() -> None:
    """Delete the sessions that have ended."""
    SessionStore.clear_expired()
