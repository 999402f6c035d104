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


class Words(models.Model):
    """What administrators of this server want one kind of e-mail to say. Kinds without a row have their own words."""

    kind = models.CharField(primary_key=True, max_length=40)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    action = models.CharField(max_length=100)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.CharField(max_length=200, blank=True, default="")

    def __str__(self) -> str:
        return self.kind


class DigestLine(models.Model):
    """Something that stands in somebody's next daily e-mail, or stood in an earlier one."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    about = models.CharField(max_length=150, help_text="the event: it stands in one digest only")
    text = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="when the mail was made that it stands in")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "about"], name="digest_line_once")]
        indexes = [models.Index(fields=["person", "created_at"], condition=Q(sent_at=None), name="digest_waiting")]

    def __str__(self) -> str:
        return self.text


class MailServer(models.Model):
    """The mail server as administrators have set it; what is empty comes from the settings file. One row."""

    class Security(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS"
        TLS = "tls", "TLS from the first byte on"
        NONE = "none", "None: the line is not secured"

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    host = models.CharField("Mail server", max_length=253, blank=True, default="")
    port = models.PositiveIntegerField("Port", null=True, blank=True)
    security = models.CharField("Security", max_length=8, choices=Security, default=Security.STARTTLS)
    user = models.CharField("User name", max_length=200, blank=True, default="")
    password = models.TextField(blank=True, default="", help_text="sealed")
    sender = models.EmailField("Sender's address", max_length=254, blank=True, default="")

    def __str__(self) -> str:
        return self.host or "as in the settings file"
