"""Packages: what was sent, to whom, and what became of it."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.lib.ids import uuid7
from posthouse.store.models import Blob


class Package(models.Model):
    """A set of files that somebody sends. It has the same id on every server."""

    class Status(models.TextChoices):
        UPLOADING = "uploading", "Uploading"
        RELAYING = "relaying", "Relaying"
        COMPLETE = "complete", "Complete"
        ERROR = "error", "Error"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=200)
    note = models.TextField(blank=True, default="")
    sender = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sent_packages")
    origin = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.UPLOADING)
    error = models.TextField(blank=True, default="", help_text="why the status is an error, in words for people")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of all files")
    file_count = models.PositiveIntegerField(default=0)
    key = models.CharField(
        max_length=64, blank=True, default="", help_text="the client's name for its call, so that it can say it again"
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="at the sender's server")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when its last byte was in the store")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "key"], condition=~Q(key=""), name="package_key_once"),
        ]
        indexes = [
            models.Index(fields=["sender", "-created_at"], name="package_sent"),
            models.Index(fields=["status", "-created_at"], name="package_status"),
            models.Index(fields=["-created_at"], name="package_created"),
        ]

    def __str__(self) -> str:
        return self.title


class File(models.Model):
    """One file of a package: its place among the others, its name, and where its bytes are."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="files")
    number = models.PositiveIntegerField(help_text="from 0")
    path = models.CharField(max_length=1024, help_text="a name, with folders before it: data, never a path on a disk")
    size = models.PositiveBigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["package", "number"], name="file_number_once"),
            models.UniqueConstraint(fields=["package", "path"], name="file_path_once"),
        ]
        indexes = [
            # What is still awaited: looked up after each file, so it must not grow with those that are there.
            models.Index(fields=["package"], condition=Q(blob=None), name="file_awaited"),
        ]

    def __str__(self) -> str:
        return self.path


class Delivery(models.Model):
    """One recipient's share in a package."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="deliveries")
    recipient = models.ForeignKey(User, on_delete=models.PROTECT, related_name="deliveries")
    home = models.ForeignKey(
        Server, on_delete=models.PROTECT, related_name="+", help_text="where the recipient fetches it"
    )
    available_at = models.DateTimeField(
        null=True, blank=True, help_text="when it could be fetched here; empty: not here, or not yet"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["package", "recipient"], name="delivery_once")]
        indexes = [models.Index(fields=["recipient", "-available_at"], name="delivery_received")]

    def __str__(self) -> str:
        return f"{self.package_id} to {self.recipient_id}"


class Download(models.Model):
    """A note that somebody fetched a file, or the whole package as a zip file."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="downloads")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(
        File,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty: all, as a zip file",
    )
    sent = models.PositiveBigIntegerField(default=0, help_text="bytes handed to the network")
    size = models.PositiveBigIntegerField(help_text="bytes asked for")
    address = models.CharField(max_length=45, help_text="IP address")
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["package", "-started_at"], name="download_package")]

    def __str__(self) -> str:
        return f"{self.package_id} by {self.user_id}"
