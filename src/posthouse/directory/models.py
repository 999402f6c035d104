"""Connections to directories, what each import did, who could not be imported, and log-ins that failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from posthouse.accounts.models import User
from posthouse.accounts.rules import check_name
from posthouse.directory import sealing
from posthouse.directory.people import ACTIVE_DIRECTORY, LDAP, Attributes
from posthouse.directory.plan import Plan, lines
from posthouse.directory.port import Way
from posthouse.jobs.models import State, Work
from posthouse.lib.ids import uuid7

DEFAULT_PORTS = {"tls": 636, "starttls": 389, "none": 389}


class Connection(models.Model):
    """A directory, how it is reached, and whom it gives accounts."""

    class Kind(models.TextChoices):
        ACTIVE_DIRECTORY = ACTIVE_DIRECTORY, "Active Directory"
        LDAP = LDAP, "LDAP"

    class Security(models.TextChoices):
        TLS = "tls", "TLS from the first byte on (LDAPS)"
        STARTTLS = "starttls", "StartTLS"
        NONE = "none", "None, for a server on this very machine only"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField("Name", max_length=60, validators=[check_name])
    kind = models.CharField("Kind", max_length=4, choices=Kind, default=Kind.ACTIVE_DIRECTORY)
    enabled = models.BooleanField("In use", default=True)
    hosts = models.TextField("Host names or IP addresses", max_length=2000)
    security = models.CharField("Line", max_length=8, choices=Security, default=Security.TLS)
    port = models.PositiveIntegerField(
        "Port", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    authorities = models.TextField("Certificate authorities", max_length=200_000, blank=True, default="")
    bind_name = models.CharField("Its name", max_length=500)
    sealed_password = models.TextField(editable=False, default="")
    bases = models.TextField("Base", max_length=5000)
    below = models.TextField("Only people below", max_length=20_000, blank=True, default="")
    within = models.TextField("Only people in these groups", max_length=20_000, blank=True, default="")
    person_filter = models.CharField("Filter for people", max_length=2000, blank=True, default="")
    group_filter = models.CharField("Filter for groups", max_length=2000, blank=True, default="")
    disabled_filter = models.CharField(
        "Filter for people who are switched off", max_length=2000, blank=True, default=""
    )
    attribute_login = models.CharField("User name from", max_length=100, blank=True, default="")
    attribute_name = models.CharField("Name from", max_length=100, blank=True, default="")
    attribute_email = models.CharField("E-mail address from", max_length=100, blank=True, default="")
    fields = models.TextField("LDAP fields for rules", max_length=5000, blank=True, default="")
    minutes = models.PositiveIntegerField(
        "Minutes between two imports",
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(10_080)],
    )
    full_hours = models.PositiveIntegerField(
        "Hours between two full imports",
        default=6,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
    )
    stands_for = models.UUIDField(
        null=True, blank=True, help_text="on a slave: the connection of the master whose people log in by this one"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    position: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict,
        editable=False,
        help_text="up to where its changes are known; empty: the next import is a full one",
    )
    full_at = models.DateTimeField(null=True, editable=False, help_text="when everything was last read")
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="imports that failed in a row")
    failing_since = models.DateTimeField(null=True, editable=False)
    stopped: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, editable=False, help_text="accounts that would be switched off, too many to believe it"
    )
    approved = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="the set of accounts that may be switched off"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), name="directory_name_once", violation_error_message="Another directory has this name."
            )
        ]

    def __str__(self) -> str:
        return self.name

    def way(self) -> Way:
        """Return how it is reached."""
        hosts = tuple(lines(self.hosts))
        return Way(hosts, self.port or DEFAULT_PORTS[self.security], self.security, self.authorities.strip())

    def password(self) -> str:
        """Return the password of this server's account there. Raises BadSetting."""
        return sealing.unseal(self.sealed_password)

    def plan(self) -> Plan:
        """Return what is read of it."""
        return Plan.of(
            self.kind,
            bases=lines(self.bases),
            below=lines(self.below),
            within=lines(self.within),
            filters=(self.person_filter, self.group_filter, self.disabled_filter),
            attributes=Attributes(
                self.attribute_login, self.attribute_name, self.attribute_email, tuple(lines(self.fields))
            ),
        )


class Run(Work):
    """One import: a line of the history."""

    class Kind(models.TextChoices):
        MANUAL = "manual", "By hand"
        AUTOMATIC = "automatic", "Automatic"
        PREVIEW = "preview", "Preview"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=Kind)
    full = models.BooleanField(default=True, help_text="everything is read, not only what has changed")
    why_full = models.CharField(max_length=200, blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=200, blank=True, default="", help_text="who wants it to end")
    host = models.CharField(max_length=253, blank=True, default="", help_text="the server that answered")
    seen = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    deactivated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0, help_text="people who could not be imported")
    sample: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(
        default=dict, help_text="of a preview: some of those whom it is about"
    )

    class Meta:
        indexes = [models.Index(fields=["connection", "-created_at"], name="import_history")]

    def __str__(self) -> str:
        return f"{self.kind} import of {self.connection_id}"

    @property
    def duration(self) -> timedelta | None:
        """How long it took, once it has ended."""
        return self.ended_at - (self.started_at or self.created_at) if self.ended_at else None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state not in {State.DONE, State.FAILED}


class Conflict(models.Model):
    """Somebody in a directory who has no account by it, and why. Gone once there is no reason any more."""

    class Reason(models.TextChoices):
        LOGIN = "login", "Another account has this user name"
        EMAIL = "email", "Another account has this e-mail address"
        INVALID = "invalid", "What the directory says cannot be taken over"

    class Choice(models.TextChoices):
        NONE = "", "Not decided"
        ADOPT = "adopt", "It is the same person: the account comes from the directory from now on"
        SEPARATE = "separate", "It is somebody else: make a second account"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="conflicts")
    uid = models.CharField(max_length=64)
    dn = models.TextField()
    login = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=300)
    reason = models.CharField(max_length=10, choices=Reason)
    text = models.TextField(help_text="the reason as a sentence")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    can_adopt = models.BooleanField(default=False)
    choice = models.CharField(max_length=10, choices=Choice, blank=True, default=Choice.NONE)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "uid"], name="conflict_once")]

    def __str__(self) -> str:
        return f"{self.login}: {self.reason}"


class SwitchedOff(models.Model):
    """An account that an import has switched off, so that an import may switch it on again."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.user_id} since {self.at}"


class Tries(models.Model):
    """Passwords that were wrong in a row, by a digest of what was typed as the user name."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.count} since {self.since}"
