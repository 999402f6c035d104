"""What is known of the bytes in the store."""

from __future__ import annotations

from uuid import UUID

from django.db import models

from posthouse.lib.ids import uuid7


class Blob(models.Model):
    """The contents of one file, or of several small ones: bytes that arrive, or are complete and never change again."""

    class State(models.TextChoices):
        ARRIVING = "arriving"
        COMPLETE = "complete"

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.ARRIVING)
    size = models.PositiveBigIntegerField(help_text="bytes")
    part_size = models.PositiveBigIntegerField(help_text="bytes in every part but the last")
    algorithm = models.CharField(max_length=10, help_text="name of the digest")
    digest = models.BinaryField(default=b"", help_text="digest of the parts' digests, in order; empty until complete")
    crc32 = models.PositiveBigIntegerField(default=0, help_text="CRC-32 of the whole, for zip files")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["digest"], name="blob_digest")]

    def __str__(self) -> str:
        return str(self.id)


class Part(models.Model):
    """A piece of a blob that is safely in the store and whose digest is known."""

    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(help_text="from 0")
    size = models.PositiveBigIntegerField()
    digest = models.BinaryField()
    crc32 = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["blob", "number"], name="part_once_per_blob")]

    def __str__(self) -> str:
        return f"{self.blob_id} part {self.number}"
