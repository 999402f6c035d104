"""Letting somebody in: the one place where sessions begin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from posthouse.accounts import own, passwords
from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.accounts.sessions import PASSWORD_IS_OLD, end_all
from posthouse.audit import log as audit
from posthouse.licensing import seats
from posthouse.web.access import address_of

BACKEND = "posthouse.accounts.backends.PasswordBackend"


def enter(request: HttpRequest, user: User, text: str = "Logged in.") -> None:
    """Begin a session of a user who has proven who he is. Administrators get in also when all seats are taken (D2).

    Raises seats.Full; then there is no session.
    """
    with transaction.atomic():
        seats.admit(user.pk, always=user.is_administrator)
        login(request, user, backend=BACKEND)
        request.session[PASSWORD_IS_OLD] = passwords.is_too_old(user, timezone.now()) and own.where(user) is None
        request.session.save()  # within the transaction: whoever waits for the last seat must see it
        if SignIn.in_force().one_session:
            # Two who log in as one user at the same moment wait here for one another; the later one stays.
            User.objects.select_for_update().filter(pk=user.pk).first()
            end_all(user.pk, but=request.session.session_key)
        audit.record(audit.who(request), "login", text, user)


@receiver(user_logged_out)
def _note(request: HttpRequest, user: Any, **_: Any) -> None:
    if isinstance(user, User):
        audit.record(audit.Who(str(user), user.pk, address_of(request)), "logout", "Logged out.", user)
