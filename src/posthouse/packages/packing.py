"""Sealing the packs into which the small files of a package came: after that they are blobs like all others."""

from __future__ import annotations

from uuid import UUID

from posthouse.packages.models import File
from posthouse.store import packs
from posthouse.store.models import Blob
from posthouse.store.packs import Span


def seal(package_id: UUID, blob_id: UUID) -> None:
    """Seal a pack into which nothing comes any more. Raises StoreError."""
    here = File.objects.filter(package=package_id, blob=blob_id, start__isnull=False).order_by()
    spans = [Span(start or 0, size, bytes(digest)) for start, size, digest in here.values_list(*_SPAN)]
    if spans:
        packs.seal(blob_id, spans)


def seal_all(package_id: UUID) -> None:
    """Seal what is left when all files of a package have come. Raises StoreError."""
    used = File.objects.filter(package=package_id, start__isnull=False).order_by().values("blob")
    for blob_id in Blob.objects.filter(pk__in=used, state=Blob.State.ARRIVING).values_list("pk", flat=True):
        seal(package_id, blob_id)


_SPAN = ("start", "size", "packed_digest")
