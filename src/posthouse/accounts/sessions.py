"""Sessions, and whose session a cookie stands for, for the data plane, which Django's middleware does not reach."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.licensing.models import Session

PASSWORD_IS_OLD = "password is old"  # noqa: S105 - a key of the session
"""Set in the session of somebody who must choose a new password before anything else."""


class SessionStore(db.SessionStore):
    """Sessions in the database, each with its owner beside it: seats are counted by that, and it can be ended."""

    def get_session_cookie_age(self) -> int:
        """Return the seconds for which a session lasts that nobody uses, as administrators have set it."""
        return int(SignIn.in_force().session_age.total_seconds())

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


def user_for_cookie(cookie_header: str, address: str = "") -> User | None:
    """Return the user whose session the `Cookie` header of a request names, by the same rules as for pages.

    `address` is where the request comes from. Whoever must choose a new password first is nobody here. Reads the
    database; does not move the session's end on.
    """
    key = parse_cookie(cookie_header).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    if not isinstance(user, User) or request.session.get(PASSWORD_IS_OLD):
        return None
    return user if SignIn.in_force().lets_in(address, administrator=user.is_administrator) else None


def end_all(user: UUID, but: str | None = None) -> int:
    """End the sessions of a user, but for one; return how many."""
    return Session.objects.filter(user=user).exclude(session_key=but).delete()[0]


def shorten(age: timedelta) -> None:
    """Let no session last longer than `age` from now on, unless it is used."""
    end = timezone.now() + age
    Session.objects.filter(expire_date__gt=end).update(expire_date=end)


def forget_old() -> None:
    """Delete the sessions that have ended."""
    SessionStore.clear_expired()
