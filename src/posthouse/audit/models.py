"""The audit log: one row for each thing that somebody did."""

from __future__ import annotations

from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from posthouse.lib.ids import uuid7


class Event(models.Model):
    """Somebody did something, at a time, from somewhere. Never changed, and readable when all it names is gone."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(
        max_length=60, help_text="what was done, as dotted words: account.changed, server.removed"
    )
    text = models.TextField(help_text="the same as a sentence for people")
    actor_id = models.UUIDField(null=True, help_text="the account that did it; empty: the server, or its command line")
    actor = models.CharField(max_length=200, help_text="how the actor was called then")
    address = models.CharField(max_length=45, blank=True, default="", help_text="IP address")
    subject_kind = models.CharField(max_length=20, blank=True, default="", help_text="account, package, server …")
    subject_id = models.UUIDField(null=True, help_text="what it was done to")

    class Meta:
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_at"),
            models.Index(fields=["subject_id", "-at"], name="audit_subject"),
            models.Index(fields=["actor_id", "-at"], name="audit_actor"),
            models.Index(fields=["action", "-at"], name="audit_action"),
        ]

    def __str__(self) -> str:
        return self.text


class Retention(models.Model):
    """How long events are kept, as administrators set it. One row."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    days = models.PositiveIntegerField(
        "Days for which events are kept",
        null=True,
        blank=True,
        default=730,
        validators=[MinValueValidator(30), MaxValueValidator(36_500)],
        help_text="At least 30. Empty: for ever.",
    )

    def __str__(self) -> str:
        return "for ever" if self.days is None else f"{self.days} days"

    @classmethod
    def in_force(cls) -> Retention:
        """Return what holds."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls()
