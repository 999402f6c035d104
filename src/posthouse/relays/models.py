"""Relays: packages on their way to other servers, and from them."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs.models import Work
from posthouse.lib.ids import uuid7
from posthouse.packages.models import Package
from posthouse.store.models import Blob


class Relay(Work):
    """A package on its way from here to one other server, however many recipients live there."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="relays")
    destination = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of all files")
    done = models.PositiveBigIntegerField(default=0, help_text="bytes that are safely there")
    since = models.DateTimeField(default=timezone.now, help_text="when it was asked for, last; its lifetime counts")
    cancelled_by = models.CharField(
        max_length=200, blank=True, default="", help_text="who wants it to end; the far side is told to forget it"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["package", "destination"], name="relay_once")]
        indexes = [
            models.Index(fields=["state", "next_try_at"], name="relay_due"),
            models.Index(fields=["destination", "state"], name="relay_link"),
        ]

    def __str__(self) -> str:
        return f"{self.package_id} to {self.destination_id}"


class Link(models.Model):
    """The way from here to one other server, while it fails: all relays over it wait together, one of them tries."""

    server = models.OneToOneField(Server, on_delete=models.CASCADE, primary_key=True, related_name="+")
    failures = models.PositiveIntegerField(default=0, help_text="calls in a row that did not get through")
    next_try_at = models.DateTimeField(help_text="no relay to this server starts before")
    last_error = models.TextField(help_text="why the last call did not get through, in words for people")
    since = models.DateTimeField(default=timezone.now, help_text="when the first of these calls failed")

    def __str__(self) -> str:
        return f"to {self.server_id}"


class Arrival(models.Model):
    """A package on its way from another server to here. It becomes a package at the commit, and not before."""

    class State(models.TextChoices):
        OFFERED = "offered"
        ARRIVING = "arriving"
        COMMITTED = "committed"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, editable=False)  # the relay's id
    source = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+")
    package_id = models.UUIDField(db_index=True)
    state = models.CharField(max_length=10, choices=State, default=State.OFFERED)
    fence = models.PositiveBigIntegerField(default=0, help_text="the highest fencing number that the sender has shown")
    manifest = models.BinaryField(default=b"", help_text="the manifest, compressed")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.package_id} from {self.source_id}"


class ArrivalFile(models.Model):
    """One file of an arriving package."""

    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="files")
    number = models.PositiveIntegerField()
    blob = models.OneToOneField(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["arrival", "number"], name="arrival_file_once")]

    def __str__(self) -> str:
        return f"{self.arrival_id} file {self.number}"


class ArrivedStretch(models.Model):
    """Bytes of a part that are safely here, while the part is not whole yet."""

    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="+")
    part = models.PositiveIntegerField()
    start = models.PositiveBigIntegerField(help_text="from the part's first byte")
    end = models.PositiveBigIntegerField(help_text="the first byte after it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "part", "start"], name="stretch_once")]

    def __str__(self) -> str:
        return f"{self.blob_id} part {self.part}, {self.start}-{self.end}"
