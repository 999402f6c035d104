"""What other servers must be told of packages, and how far each of them was told."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs.models import Work
from posthouse.lib.ids import uuid7


class Channel(Work):
    """The way of dispatches to one server: a piece of work while something waits for it."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    server = models.OneToOneField(Server, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveBigIntegerField(default=0, help_text="of the last dispatch that was written for it")

    def __str__(self) -> str:
        return f"dispatches to {self.server_id}"


class Dispatch(models.Model):
    """Something that happened to a package here and that another server must know."""

    class Kind(models.TextChoices):
        FETCHED = "fetched"
        HIDDEN = "hidden"
        ENDED = "ended"
        TERMS = "terms"

    server = models.ForeignKey(Server, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveBigIntegerField(help_text="order among those for the server; grows, with gaps")
    kind = models.CharField(max_length=10, choices=Kind)
    package_id = models.UUIDField()
    facts: models.JSONField[dict[str, object], dict[str, object]] = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server", "number"], name="dispatch_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.package_id}"


class Heard(models.Model):
    """The last dispatch of another server that was carried out here."""

    server = models.OneToOneField(Server, on_delete=models.CASCADE, primary_key=True, related_name="+")
    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.number} from {self.server_id}"
