"""Letting somebody in: the one place where sessions begin."""

from __future__ import annotations

from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from posthouse.accounts.models import User
from posthouse.licensing import seats

BACKEND = "posthouse.accounts.backends.PasswordBackend"


def enter(request: HttpRequest, user: User) -> None:
    """Begin a session of a user who has proven who he is. Administrators get in also when all seats are taken (D2).

    Raises seats.Full; then there is no session.
    """
    with transaction.atomic():
        seats.admit(user.pk, always=user.is_administrator)
        login(request, user, backend=BACKEND)
        request.session.save()  # within the transaction: whoever waits for the last seat must see it
