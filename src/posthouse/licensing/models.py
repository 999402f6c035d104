"""The licences of this server, and the sessions from which its seats are counted."""

from __future__ import annotations

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from posthouse.licensing.tokens import SERIAL_LENGTH


class Licence(models.Model):
    """A licence that was installed. What it says stands in its signed text only."""

    serial = models.CharField(primary_key=True, max_length=SERIAL_LENGTH)
    token = models.TextField()
    installed_at = models.DateTimeField(default=timezone.now)
    installed_by = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.serial


class Session(AbstractBaseSession):
    """Somebody's session with this server. Whoever has one that has not ended takes a seat, one for all of them (D2).

    The row is written when the session is: at log-in, and at most once in each minute while its owner does something.
    So no other row has to be kept in step with it: a session that has ended, or was deleted, has left its seat.
    """

    user = models.UUIDField(null=True, help_text="whose it is; empty before the log-in")
    seen_at = models.DateTimeField(default=timezone.now, help_text="when its owner did something")

    class Meta:
        indexes = [
            models.Index(fields=["expire_date", "user", "seen_at"], name="session_seats"),
            models.Index(fields=["user", "expire_date"], name="session_of_user"),
        ]
