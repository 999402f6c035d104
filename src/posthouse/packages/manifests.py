"""The manifest of a package that lies here."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from django.db.models import Q

from posthouse.cluster.models import Server
from posthouse.packages.manifest import FilePart, Manifest, ManifestFile, Outside, Recipient, Sender
from posthouse.packages.models import Package
from posthouse.store.models import Part


def of(package: Package, to: Server | None = None) -> Manifest:
    """Return the manifest of a closed package, in four queries however many files it has.

    The one for another server, `to`, says nothing of private recipients who live elsewhere.

    Raise ValueError if it is still uploading: its contents are not settled before.
    """
    if package.closed_at is None:
        raise ValueError(f"package {package.pk} is not closed")
    parts: defaultdict[UUID, list[FilePart]] = defaultdict(list)
    known = Part.objects.filter(blob__in=package.files.values("blob")).order_by("blob", "number")
    for blob_id, digest, crc32 in known.values_list("blob_id", "digest", "crc32").iterator():
        parts[blob_id].append(FilePart(bytes(digest), crc32))
    files = []
    for file in package.files.select_related("blob").iterator():
        if file.blob is None:
            raise ValueError(f"file {file.pk} of package {package.pk} has no contents")
        files.append(
            ManifestFile(
                number=file.number,
                path=file.path,
                size=file.size,
                algorithm=file.blob.algorithm,
                part_size=file.blob.part_size,
                digest=bytes(file.blob.digest),
                crc32=file.blob.crc32,
                parts=tuple(parts[file.blob.pk]),
            )
        )
    sender = package.sender
    deliveries = package.deliveries.select_related("recipient").order_by("recipient_id", "email")
    if to is not None:
        deliveries = deliveries.filter(Q(private=False) | Q(home=to))
    return Manifest(
        package=package.pk,
        title=package.title,
        note=package.note,
        sender=Sender(sender.pk, sender.login, sender.name, sender.email),
        recipients=tuple(
            Recipient(
                delivery.recipient_id,
                delivery.recipient.login if delivery.recipient else "",
                delivery.recipient.name if delivery.recipient else "",
                delivery.home_id,
                delivery.private,
                delivery.email,
            )
            for delivery in deliveries
        ),
        created=package.created_at,
        release=package.release_at,
        expires=package.expires_at,
        forwarded_from=package.forwarded_from,
        outside=Outside(package.outside_days, package.outside_once, package.outside_password, package.outside_sender),
        envelope=package.envelope,
        files=tuple(files),
    )
