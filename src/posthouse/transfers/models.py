"""Uploads in progress."""

from __future__ import annotations

from uuid import UUID

from django.db import models

from posthouse.lib.ids import uuid7
from posthouse.packages.models import File
from posthouse.store.models import Blob


class Upload(models.Model):
    """One tus upload: the bytes of one file of a package, as far as they have come."""

    id: models.UUIDField[UUID, UUID] = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    file = models.OneToOneField(File, on_delete=models.CASCADE, related_name="upload")
    # Not one to one: the empty files of a package share one blob.
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    metadata = models.TextField(blank=True, default="", help_text="Upload-Metadata, as the client gave it")
    offset = models.PositiveBigIntegerField(default=0, help_text="bytes that are safely in the store")
    lease_holder = models.CharField(max_length=40, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    let_go = models.BooleanField(default=False, help_text="a newcomer asks the one who writes to stop")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(help_text="moved on by every progress")

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="upload_expiry")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def whole(self) -> bool:
        """Whether all bytes of the file are safely in the store."""
        return self.offset == self.file.size
