"""Which blobs the files of a package come into: see posthouse.packages.incoming."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from posthouse.store.models import Blob
from posthouse.transfers.models import Upload


def blobs(package: UUID) -> dict[int, Blob]:
    """Return the blobs of the uploads that run or rest, by the number of the file; of none in a pack."""
    uploads = Upload.objects.filter(file__package=package, file__start=None).select_related("blob")
    return {upload.number: upload.blob for upload in uploads.annotate(number=F("file__number"))}
