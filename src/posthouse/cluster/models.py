"""The servers of the cluster, and the calls between them that were already answered."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from posthouse.lib.ids import uuid7

DEFAULT_NAMESPACE = "/aspera/faspex"
NAME_LENGTH = 60
VERSION_LENGTH = 40


class Server(models.Model):
    """A server: this one (`is_self`), or another one that it trusts by its identity key."""

    class Role(models.TextChoices):
        STANDALONE = "stand-alone", "Stand-alone"
        MASTER = "master", "Master"
        SLAVE = "slave", "Slave"

    class LinkAddress(models.TextChoices):
        MAIN = "main", "Host name or IP address"
        ALTERNATE = "alternate", "Alternate address"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=NAME_LENGTH)
    host = models.CharField("Host name or IP address", max_length=253)
    namespace = models.CharField("URL namespace", max_length=200, default=DEFAULT_NAMESPACE)
    port = models.PositiveIntegerField("HTTPS port", default=443)
    alternate_address = models.CharField(
        max_length=260,
        blank=True,
        default="",
        help_text="a second way to the same server: host, or host:port",
    )
    link_address = models.CharField(
        "Address in e-mail links",
        max_length=10,
        choices=LinkAddress,
        default=LinkAddress.MAIN,
        help_text="where mails send people",
    )
    role = models.CharField(max_length=12, choices=Role, default=Role.STANDALONE)
    is_self = models.BooleanField(default=False)
    keys: models.JSONField[list[str], list[str]] = models.JSONField(
        default=list,
        help_text="valid Ed25519 public keys, base64, newest first; two at once while a key is rotated",
    )
    known_keys: models.JSONField[list[str], list[str]] = models.JSONField(
        default=list, help_text="which keys of this server it has said that it knows; never copied to others"
    )
    tls_pin = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="SHA-256 of its self-made certificate, hex; empty: its certificate is checked against the CAs",
    )
    version = models.CharField(max_length=VERSION_LENGTH, blank=True, default="")
    seats_used = models.PositiveIntegerField(null=True, blank=True, help_text="as it said last; empty: it never did")
    seats_limit = models.PositiveIntegerField(null=True, blank=True, help_text="as it said last; empty: unlimited")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), condition=Q(removed_at=None), name="server_name_once"),
            models.UniqueConstraint(fields=["is_self"], condition=Q(is_self=True), name="one_server_is_self"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def seats(self) -> dict[str, int | None] | None:
        """What it said last of its seats: those in use, and the limit; None when it never did."""
        return None if self.seats_used is None else {"used": self.seats_used, "limit": self.seats_limit}

    @property
    def origin(self) -> str:
        """Scheme, host and port of its pages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"

    @property
    def address(self) -> str:
        """The address of its first page."""
        return f"{self.origin}{self.namespace.rstrip('/')}/"


class KeyChange(models.Model):
    """One step from an identity key of this server to its next one, for which the old key vouches.

    While it is not retired, both keys are valid. The rows stay: a server that was away meanwhile follows them.
    """

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    old = models.CharField(max_length=60, help_text="public key, base64")
    new = models.CharField(max_length=60, unique=True)
    signature = models.CharField(max_length=100, help_text="what the old key says of the new one, base64")
    began_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True, help_text="when the old key ceased to be valid")

    class Meta:
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=Q(retired_at=None), name="one_key_change_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.old} to {self.new}"


class Nonce(models.Model):
    """A signed call that was let in once, and may not come again inside the time window."""

    digest = models.CharField(primary_key=True, max_length=64, help_text="SHA-256 of key id and nonce, hex")
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest
