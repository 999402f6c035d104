"""Links by which people without an account fetch a package, and invitations by which they send one."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.lib.ids import uuid7
from posthouse.packages.models import Delivery


class Link(models.Model):
    """The way of one recipient outside to one package. Of its secret only the digest is kept."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, related_name="link")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, hex")
    password = models.CharField(max_length=128, blank=True, default="", help_text="hash; empty: none is asked for")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True, help_text="when it was used first")
    failures = models.PositiveIntegerField(default=0, help_text="wrong passwords since the last right one")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="when the last of them was typed")

    def __str__(self) -> str:
        return f"link to {self.delivery_id}"


class Invitation(models.Model):
    """The way of somebody outside to send packages to a user of this server, a number of times until a day."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    inviter = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    note = models.TextField(blank=True, default="", max_length=2000)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, hex")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    uses_left = models.PositiveIntegerField(default=1)
    used = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["inviter", "-created_at"], name="invitations_of")]

    def __str__(self) -> str:
        return f"{self.inviter_id} invites {self.email}"
