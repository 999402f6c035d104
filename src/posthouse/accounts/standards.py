"""What the people of a role may do, and how much they may send, unless something else is set for one of them."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from posthouse.lib.ids import uuid7

QUOTA_DAYS = 30


class Standard(models.Model):
    """The permissions and limits of one role, as administrators set them on the master. Slaves hold copies."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.CharField(max_length=16)
    permissions = models.CharField(
        max_length=200, help_text="words of posthouse.accounts.permissions, with spaces between"
    )
    quota = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="bytes that a person may send within quota_days; empty: no limit"
    )
    quota_days = models.PositiveIntegerField(default=QUOTA_DAYS)
    package_limit = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="bytes of one package; empty: no limit"
    )

    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("role"), condition=Q(removed_at=None), name="standard_once")]

    def __str__(self) -> str:
        return self.role
