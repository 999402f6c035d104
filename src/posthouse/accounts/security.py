"""What administrators set at Server > Configuration > Security, and what is counted for it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from posthouse.accounts.networks import allows, check_networks

ONLY = UUID(int=1)


class PasswordRules(models.Model):
    """What passwords must be like, on every server of the cluster. One row, copied from the master (M4)."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=ONLY, editable=False)
    name = models.CharField(max_length=20, default="passwords", editable=False)
    least = models.PositiveSmallIntegerField(
        "Characters at least", default=10, validators=[MinValueValidator(8), MaxValueValidator(64)]
    )
    kinds = models.PositiveSmallIntegerField(
        "Kinds of characters at least",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(4)],
        help_text="Of these four: small letters, capital letters, digits, others. Length is worth more than kinds.",
    )
    history = models.PositiveSmallIntegerField(
        "Earlier passwords that may not be taken again",
        default=0,
        validators=[MaxValueValidator(24)],
        help_text="0: any may. The present one never counts as new.",
    )
    days = models.PositiveSmallIntegerField(
        "Days after which a new one must be chosen",
        default=0,
        validators=[MaxValueValidator(3650)],
        help_text="0: never. People from a directory are not asked: they change their password there.",
    )
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"{self.least} characters of {self.kinds} kinds"

    @classmethod
    def in_force(cls) -> PasswordRules:
        """Return what holds."""
        return cls.objects.filter(pk=ONLY, removed_at=None).first() or cls()


class OldPassword(models.Model):
    """The hash of a password that somebody had. On the server that keeps the account only."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    password = models.CharField(max_length=128)
    ended_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["user", "-ended_at"], name="old_passwords")]

    def __str__(self) -> str:
        return f"of {self.user_id}, until {self.ended_at}"


class SignIn(models.Model):
    """How people log in to this server. One row, each server's own."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    lock_after = models.PositiveSmallIntegerField(
        "Wrong passwords after which an account is locked",
        default=10,
        validators=[MaxValueValidator(1000)],
        help_text="0: never. An address from which ten times as many come is locked, too.",
    )
    lock_minutes = models.PositiveIntegerField(
        "Minutes for which it is locked", default=15, validators=[MinValueValidator(1), MaxValueValidator(10_080)]
    )
    session_minutes = models.PositiveIntegerField(
        "Minutes without a request after which somebody must log in again",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(10_080)],
    )
    one_session = models.BooleanField(
        "One session per user",
        default=False,
        help_text="Whoever logs in somewhere is logged out everywhere else on this server.",
    )
    networks = models.TextField(
        "Networks from which people may log in",
        blank=True,
        default="",
        max_length=4000,
        validators=[check_networks],
        help_text="One on each line, as 192.0.2.0/24 or 2001:db8::/32. Empty: from everywhere.",
    )
    administrator_networks = models.TextField(
        "Networks from which administrators may log in",
        blank=True,
        default="",
        max_length=4000,
        validators=[check_networks],
        help_text="In the same way. Empty: the same as for all people.",
    )

    def __str__(self) -> str:
        return f"locks after {self.lock_after}"

    @classmethod
    def in_force(cls) -> SignIn:
        """Return what holds."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls()

    def lets_in(self, address: str, *, administrator: bool) -> bool:
        """Return whether somebody may be here from an address."""
        own = administrator and self.administrator_networks.strip()
        return allows(self.administrator_networks if own else self.networks, address)

    def knows(self, address: str) -> bool:
        """Return whether anybody at all may be here from an address."""
        return any(self.lets_in(address, administrator=one) for one in (False, True))

    @property
    def session_age(self) -> timedelta:
        """How long a session lasts that nobody uses."""
        return timedelta(minutes=self.session_minutes or settings.POSTHOUSE.session_minutes)

    @property
    def lock(self) -> timedelta:
        """For how long somebody is locked out."""
        return timedelta(minutes=self.lock_minutes)


class Attempts(models.Model):
    """Wrong passwords that were typed for one user name, or came from one address. This server's own."""

    key = models.CharField(primary_key=True, max_length=80)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now, help_text="when the first of them came")
    until = models.DateTimeField(null=True, blank=True, help_text="until when it is locked")

    def __str__(self) -> str:
        return f"{self.count} since {self.since}"
