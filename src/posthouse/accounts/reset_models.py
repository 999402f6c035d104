"""Links by which a password is chosen, and the wishes for them. On the server that keeps the accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from posthouse.accounts.models import User


class PasswordLink(models.Model):
    """A link that was sent to somebody, good once."""

    class Purpose(models.TextChoices):
        RESET = "reset", "Forgotten password"
        WELCOME = "welcome", "New account"

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, help_text="of its secret, which is stored nowhere")
    purpose = models.CharField(max_length=8, choices=Purpose)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="since when it is good no more")

    class Meta:
        indexes = [models.Index(fields=["user", "made_at"], name="password_links")]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.user_id}"


def end_links(user: User) -> None:
    """End all links of somebody: his password was set otherwise, or the address to which they went is not his."""
    PasswordLink.objects.filter(user=user, used_at=None).update(used_at=timezone.now())


class LinkWish(models.Model):
    """Somebody has asked for a link, for a name that may be nobody's."""

    who = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.who
