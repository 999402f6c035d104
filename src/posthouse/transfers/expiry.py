"""Uploads that nobody goes on with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from posthouse.packages import lifecycle
from posthouse.packages.models import File, Package
from posthouse.store import blobs
from posthouse.store.models import Blob
from posthouse.transfers.models import Upload

BATCH = 50
"""Uploads removed in one turn: each in a transaction of its own, so that nobody waits long for the database."""
ARRIVED = 5000
SECONDS = 300.0
"""Time between two turns."""


def remove_expired() -> int:
    """Remove uploads that made no progress for too long, with the bytes that came; return how many."""
    # What has arrived has no bytes to be removed; there may be tens of thousands.
    arrived = Upload.objects.filter(expires_at__lte=timezone.now(), file__blob__isnull=False).order_by("expires_at")
    removed = Upload.objects.filter(pk__in=list(arrived.values_list("pk", flat=True)[:ARRIVED])).delete()[0]
    for upload in Upload.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")[:BATCH]:
        removed += _remove_if_expired(upload)
    return removed


def give_up_abandoned() -> int:
    """Give up packages of which nothing came for too long, so that their senders are told; return how many."""
    now = timezone.now()
    days = settings.POSTHOUSE.upload_days
    still = Package.objects.filter(status=Package.Status.UPLOADING, updated_at__lte=now - timedelta(days=days)).exclude(
        Exists(Upload.objects.filter(file__package=OuterRef("pk"), expires_at__gt=now))
    )
    reason = f"Nothing came for {days} days, so the upload was given up. Send the files in a new package."
    return sum(lifecycle.give_up(package, reason) for package in still.order_by("updated_at")[:BATCH])


def remove_if_expired(file: File) -> None:
    """Remove the file's upload if it made no progress for too long."""
    upload = Upload.objects.filter(file=file, expires_at__lte=timezone.now()).first()
    if upload:
        _remove_if_expired(upload)


def remove(upload: Upload) -> None:
    """Remove an upload, and its bytes unless the file has arrived. Within a transaction, whoever holds the lease."""
    Upload.objects.filter(id=upload.id).delete()
    _remove_bytes(upload.blob_id)


def package_given_up(package: Package, **_: Any) -> None:
    """Remove what came of a package that will never be whole. Whoever still sends loses his lease, and stops."""
    uploads = Upload.objects.filter(file__package=package)
    files = File.objects.filter(package=package)
    came = {*uploads.values_list("blob_id", flat=True), *files.exclude(blob=None).values_list("blob_id", flat=True)}
    uploads.delete()
    files.update(blob=None, start=None)
    for blob in Blob.objects.filter(id__in=came):
        blobs.delete(blob)


def package_ended(package: Package, **_: Any) -> None:
    """Forget the uploads of a package that has ended: they would keep its bytes from being given up."""
    Upload.objects.filter(file__package=package).delete()


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
