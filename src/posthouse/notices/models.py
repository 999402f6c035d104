"""Mails on their way out of the house, and the mail server while it fails."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.jobs.models import Work
from posthouse.lib.ids import uuid7


class OutgoingMail(Work):
    """One mail to one person, or to an address outside. It is made in the transaction that makes true what it says."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    about = models.CharField(max_length=150, help_text="the event: a person is told of it once")
    person = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    to = models.EmailField(max_length=254, help_text="the person's address when the mail was made")
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    secret = models.CharField(
        max_length=100, blank=True, default="", help_text="what goes into the mail in place of its mark, and on no page"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["about", "person"], name="mail_once"),
            models.UniqueConstraint(fields=["about", "to"], condition=Q(person=None), name="mail_outside_once"),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="mail_due"),
            models.Index(fields=["-created_at", "-id"], name="mail_list"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"


class Outage(models.Model):
    """The mail server fails: all mails wait together, and one of them tries. One row, or none when all is well."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    failures = models.PositiveIntegerField(default=0, help_text="tries in a row that failed")
    since = models.DateTimeField(default=timezone.now, help_text="when the first of them failed")
    next_try_at = models.DateTimeField(help_text="no mail is sent before")
    last_error = models.TextField(help_text="why the last one failed, in words for people")

    def __str__(self) -> str:
        return f"since {self.since}"
