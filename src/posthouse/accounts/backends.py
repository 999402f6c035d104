"""Log-in by password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts import access
from posthouse.accounts.models import User


def say(request: HttpRequest | None, text: str) -> None:
    """Have a sentence shown on the log-in page instead of the usual one, when nobody lets the visitor in."""
    if request is not None and text:
        request.login_refusal = text  # type: ignore[attr-defined]  # a note for LoginForm


class PasswordBackend(BaseBackend):
    """Checks a user name and a password against the accounts of this server."""

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - Django's signature
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user of the domain with this name and password, else the local account with them, else None.

        A name may belong to one of each. Whether it belongs to anybody cannot be told from the time this takes.
        """
        if not username or not password:
            return None
        checked = False
        for user in User.objects.named(username).filter(is_active=True).order_by("local").select_related("home"):
            checked = True
            # Without upgrading the stored hash: on a slave the row is the master's, and only the master changes it.
            if check_password(password, user.password):
                return user
        if not checked:
            make_password(password)  # takes as long as a check
        return None

    def get_user(self, user_id: UUID) -> User | None:
        """Return the owner of a session, or None, which ends it.

        That is once the account is off or removed, or could not log in here any more, because its home has changed or
        it is no administrator's now (M1).
        """
        user = User.objects.able().select_related("home").filter(pk=user_id).first()
        return None if user is None or access.elsewhere(user) else user
