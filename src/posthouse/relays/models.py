"""Relays: packages on their way to other servers, and from them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.jobs.models import Work
from posthouse.lib.ids import uuid7
from posthouse.packages.models import Package
from posthouse.store.models import Blob

START = 2
"""Relays that run at once over a link of which nothing is known yet."""


class Size(models.IntegerChoices):
    """Size classes: within each, senders take turns, so that letters never queue behind films."""

    SMALL = 0, "small"
    MEDIUM = 1, "medium"
    LARGE = 2, "large"


class Priority(models.IntegerChoices):
    """What an administrator may say of the order on a link."""

    FIRST = -1, "First"
    NORMAL = 0, "Normal"
    LAST = 1, "Last"


class Relay(Work):
    """A package on its way from here to one other server, however many recipients live there."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="relays")
    destination = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="+", db_index=False)
    sender = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, help_text="the package's: senders take turns"
    )
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of all files")
    size_class = models.PositiveSmallIntegerField(choices=Size, default=Size.SMALL)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    rank = models.BigIntegerField(default=0, help_text="place in the order of its link and size class; lower first")
    done = models.PositiveBigIntegerField(default=0, help_text="bytes that are safely there")
    begun = models.PositiveBigIntegerField(default=0, help_text="bytes that were there when this attempt began")
    started_at = models.DateTimeField(null=True, blank=True, help_text="when the last attempt began")
    since = models.DateTimeField(default=timezone.now, help_text="when it was asked for, last; its lifetime counts")
    trouble = models.CharField(max_length=20, blank=True, default="", help_text="the code of what went wrong last")
    held_by = models.CharField(max_length=200, blank=True, default="", help_text="who has it wait until it is released")
    cancelled_by = models.CharField(
        max_length=200, blank=True, default="", help_text="who wants it to end; the far side is told to forget it"
    )
    for_nobody = models.BooleanField(
        default=False, help_text="it ends because nobody whom it was for lives there any more: it counts no longer"
    )
    early = models.BooleanField(default=False, help_text="the package is still being uploaded")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["package", "destination"], name="relay_once")]
        indexes = [
            # The next one of each link and size class, however long the queue is: see picking.py.
            models.Index(fields=["destination", "state", "size_class", "priority", "rank", "id"], name="relay_new"),
            models.Index(fields=["destination", "state", "size_class", "next_try_at"], name="relay_again"),
            # The last one of a sender, behind which his next one queues.
            models.Index(fields=["sender", "destination", "size_class", "state", "rank"], name="relay_last"),
            models.Index(fields=["state", "since"], name="relay_state"),
            models.Index(fields=["-created_at"], name="relay_made"),
            models.Index(fields=["sender", "-created_at"], name="relay_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.package_id} to {self.destination_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it; a new one belongs to the sender of its package."""
        if not self.sender_id:
            self.sender_id = self.package.sender_id
        super().save(*args, **kwargs)


class Link(models.Model):
    """The way from here to one other server: how many relays it bears, and how it is doing.

    While it fails, all relays over it wait together, and one of them tries.
    """

    server = models.OneToOneField(Server, on_delete=models.CASCADE, primary_key=True, related_name="+")
    failures = models.PositiveIntegerField(default=0, help_text="calls in a row that did not get through")
    next_try_at = models.DateTimeField(null=True, blank=True, help_text="no relay to this server starts before")
    last_error = models.TextField(
        blank=True, default="", help_text="why the last call did not get through, in words for people"
    )
    trouble = models.CharField(max_length=20, blank=True, default="", help_text="the code of the same")
    since = models.DateTimeField(default=timezone.now, help_text="when the first of these calls failed")
    failed_at = models.DateTimeField(null=True, blank=True, help_text="when the last of these calls failed")
    probe_at = models.DateTimeField(null=True, blank=True, help_text="when it is knocked at next, while it fails")
    window = models.PositiveSmallIntegerField(
        default=START, help_text="relays that may run at once: grows with each success, falls on trouble"
    )
    picks = models.PositiveBigIntegerField(default=0, help_text="relays that were started; no two start as the same")
    picked_at = models.DateTimeField(null=True, blank=True)
    held_by = models.CharField(max_length=200, blank=True, default="", help_text="who has all of it wait")

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


class RelayLimits(models.Model):
    """How fast this server's relays may send, all together. One row; without it there is no limit."""

    bandwidth = models.DecimalField(
        "Outgoing bandwidth (Mbit/s)",
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="What all relays of this server together may send. Empty: as much as the line carries.",
    )
    other_bandwidth = models.DecimalField(
        "Outgoing bandwidth in the marked hours (Mbit/s)",
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="For the hours that are marked in the calendar. 0: relays pause then. Empty: no limit.",
    )
    marked = models.CharField(
        max_length=168, default="0" * 168, help_text="a 1 for each hour of the week that is marked"
    )
    zone = models.CharField("Time zone of the calendar", max_length=64, default="UTC")
    cut_through = models.BooleanField(
        "Begin while a package is still being uploaded",
        default=False,
        help_text="What is here already goes on to the other servers, so that a package arrives soon after its upload"
        " has ended. Recipients see it when all of it is there and verified, as always. What an upload that is given up"
        " had brought has travelled in vain.",
    )

    def __str__(self) -> str:
        marked = self.marked.count("1")
        hours = f", {_mbit(self.other_bandwidth)} in {marked} hours of the week" if marked else ""
        early = "; begun while packages are still being uploaded" if self.cut_through else ""
        return f"{_mbit(self.bandwidth)}{hours}{early}"


def _mbit(bandwidth: object) -> str:
    return "no limit" if bandwidth is None else f"{bandwidth} Mbit/s"


class LinkLimit(models.Model):
    """How fast this server may send to one other server."""

    server = models.OneToOneField(Server, on_delete=models.CASCADE, primary_key=True, related_name="+")
    bandwidth = models.DecimalField(max_digits=9, decimal_places=2, help_text="Mbit/s")

    def __str__(self) -> str:
        return f"{self.bandwidth} Mbit/s to {self.server_id}"


class RateShare(models.Model):
    """What one worker may use of a limit until its lease ends, and what it sends."""

    holder = models.CharField(max_length=80)
    link = models.CharField(
        max_length=36,
        blank=True,
        default="",
        help_text="id of the server it leads to; empty: of the server's own limit",
    )
    share = models.FloatField(default=0, help_text="bytes per second")
    wants = models.FloatField(null=True, help_text="bytes per second that it could use; empty: as much as there is")
    sent = models.FloatField(default=0, help_text="bytes per second that it sent last")
    until = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holder", "link"], name="rate_share_once")]

    def __str__(self) -> str:
        return f"{self.holder}: {self.share:.0f}"


class RateSample(models.Model):
    """What all relays of one worker sent in about a second, for the chart; kept for some minutes."""

    at = models.DateTimeField(db_index=True)
    sent = models.FloatField(help_text="bytes per second")
    allowed = models.FloatField(null=True, help_text="bytes per second that all together might send; empty: no limit")

    def __str__(self) -> str:
        return f"{self.sent:.0f} at {self.at}"
