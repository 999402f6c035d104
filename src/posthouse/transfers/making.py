"""Making and finding the uploads of a package, by the right to upload its files. It blocks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.security import SignIn
from posthouse.packages import lifecycle, packing, rights
from posthouse.packages.models import File, Package
from posthouse.store import blobs, packs
from posthouse.store.errors import StoreError
from posthouse.transfers import expiry, leases, tus
from posthouse.transfers.errors import Busy, Conflict, Forbidden, Gone, NotFound, RightEnded, of_store
from posthouse.transfers.models import Upload

TRIES = 3
"""Of making an upload, while others make the same one."""


@dataclass(frozen=True)
class Claim:
    """The right that a request brings, and from which IP address."""

    right: str
    address: str


class _CameMeanwhile(Exception):
    """Another connection has brought the file."""


def find(claim: Claim, upload_id: UUID, *, ended: bool = False) -> Upload:
    """Return an upload of the package that the right is for: others are not there.

    `ended`: also if the package takes no more files. Raises NotFound, Gone, RightEnded, Forbidden.
    """
    package = package_of(claim, ended=ended)
    upload = Upload.objects.select_related("file", "blob").filter(id=upload_id, file__package=package).first()
    if upload is None:
        raise NotFound
    if upload.expires_at <= timezone.now() and not upload.whole:
        raise Gone
    return upload


def make(claim: Claim, wanted: tus.Creation, data: bytes | None = None) -> Upload:
    """Return the upload of a file; asking for it again gives the same one.

    `data`, all bytes of a small file, is taken at once, if nothing of the file is here yet. Raises Refused.
    """
    for _ in range(TRIES):
        # When somebody else was first our rows went with the transaction, and next time his are found.
        with suppress(IntegrityError, _CameMeanwhile):
            return _make(claim, wanted, data)
    raise Busy


def _make(claim: Claim, wanted: tus.Creation, data: bytes | None) -> Upload:
    package = package_of(claim, ended=True)
    file = File.objects.select_related("blob").filter(id=wanted.file, package=package).first()
    if file is None:
        raise NotFound("This package has no such file.")
    if file.size != wanted.length:
        raise Conflict(f"This file was announced with {file.size} bytes, not {wanted.length}.")
    expiry.remove_if_expired(file)
    upload = Upload.objects.select_related("file", "blob").filter(file=file).first()
    if upload and upload.whole:
        return upload  # it may have been the package's last file, and only the answer to its last byte was lost
    package_of(claim)
    if upload:
        return upload
    try:
        return _begin(file, wanted) if data is None or file.blob else _take_whole(file, wanted, data)
    except StoreError as error:
        raise of_store(error) from error


def _begin(file: File, wanted: tus.Creation) -> Upload:
    # The blob of an empty file is there from the beginning, and that of one that came in a bundle.
    if file.blob:
        return _record(file, file.blob.id, wanted, file.size)
    blob = None
    try:
        with transaction.atomic():
            # Its row is held to the end: a bundle that has this file comes before or after all of it. The upload's
            # reference alone would hold it only from the commit on, for it is checked then.
            if File.objects.select_for_update().filter(pk=file.pk, blob=None).first() is None:
                raise _CameMeanwhile
            blob = blobs.create(file.size)
            return _record(file, blob.id, wanted, 0)
    except (IntegrityError, _CameMeanwhile):
        if blob is not None:
            blobs.local().remove(blob.id)
        raise


def _take_whole(file: File, wanted: tus.Creation, data: bytes) -> Upload:
    with packs.room(file.package_id, [data]) as (spot,), transaction.atomic():
        packs.record(spot.pack)
        # Before its upload is made: who brings a bundle locks the package first and its files then, as this does.
        if not lifecycle.file_arrived(file, spot):
            raise _CameMeanwhile if _came(file) else RightEnded("This package takes no more files.")
        upload = _record(file, spot.pack.id, wanted, file.size)
    if spot.pack.over:
        packing.seal(file.package_id, spot.pack.id)
    return upload


def _came(file: File) -> bool:
    return File.objects.filter(pk=file.pk, blob__isnull=False).exists()


def _record(file: File, blob: UUID, wanted: tus.Creation, offset: int) -> Upload:
    return Upload.objects.create(
        file=file, blob_id=blob, offset=offset, metadata=wanted.metadata, expires_at=leases.expiry()
    )


def package_of(claim: Claim, *, ended: bool = False) -> Package:
    """Return the package that the right is for. `ended`: also if it takes no more files."""
    package = rights.holder(claim.right) if ended else rights.check(claim.right)
    if package is None:
        raise RightEnded
    # People outside send from wherever they are; whoever has an account, from where he may log in.
    able = package.outside_sender or SignIn.in_force().lets_in(
        claim.address, administrator=package.sender.is_administrator
    )
    if not able:
        raise Forbidden("From your network nothing may be sent. Go on from one that is allowed; nothing is lost.")
    if not ended and (complaint := EncryptionRule.in_force().complaint(encrypted=package.encrypted)):
        raise Forbidden(complaint)
    return package
