"""Uploads that nobody goes on with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from posthouse.packages.models import File, Package
from posthouse.store import blobs
from posthouse.store.models import Blob
from posthouse.transfers.models import Upload

BATCH = 50
"""Uploads removed in one turn: each in a transaction of its own, so that nobody waits long for the database."""
SECONDS = 300.0
"""Time between two turns."""


def remove_expired() -> int:
    """Remove uploads that made no progress for too long, with the bytes that came; return how many."""
    removed = 0
    for upload in Upload.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")[:BATCH]:
        removed += _remove_if_expired(upload)
    return removed


def remove_if_expired(file: File) -> None:
    """Remove the file's upload if it made no progress for too long."""
    upload = Upload.objects.filter(file=file, expires_at__lte=timezone.now()).first()
    if upload:
        _remove_if_expired(upload)


def remove(upload: Upload) -> None:
    """Remove an upload, and its bytes unless the file has arrived. Within a transaction, whoever holds the lease."""
    Upload.objects.filter(id=upload.id).delete()
    _remove_bytes(upload.blob_id)


def package_given_up(sender: object, package: Package, **kwargs: Any) -> None:  # noqa: ARG001 - a signal's receiver
    """Remove what came of a package that will never be whole. Whoever still sends loses his lease, and stops."""
    uploads = Upload.objects.filter(file__package=package)
    files = File.objects.filter(package=package)
    came = {*uploads.values_list("blob_id", flat=True), *files.exclude(blob=None).values_list("blob_id", flat=True)}
    uploads.delete()
    files.update(blob=None)
    for blob in Blob.objects.filter(id__in=came):
        blobs.delete(blob)


def _remove_if_expired(upload: Upload) -> bool:
    now = timezone.now()
    with transaction.atomic():
        unheld = Q(lease_until=None) | Q(lease_until__lte=now)
        gone, _ = Upload.objects.filter(unheld, id=upload.id, expires_at__lte=now).delete()
        if gone:
            _remove_bytes(upload.blob_id)
    return bool(gone)


def _remove_bytes(blob_id: UUID) -> None:
    if not File.objects.filter(blob=blob_id).exists():
        for blob in Blob.objects.filter(id=blob_id):
            blobs.delete(blob)
