"""The manifest of a package that lies here, and where the bytes are of which it speaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from django.db.models import Q

from posthouse.cluster.models import Server
from posthouse.packages.manifest import Manifest, Outside, Recipient, Sender
from posthouse.packages.manifest_files import FilePart, ManifestBlob, ManifestFile
from posthouse.packages.models import Package
from posthouse.store.models import Blob, Part

BATCH = 500
"""Ids in one query."""


def of(package: Package, to: Server | None = None, known: Mapping[int, Blob] | None = None) -> Manifest:
    """Return the manifest of a closed package, in a few queries however many files it has.

    The one for another server, `to`, says nothing of private recipients who live elsewhere. `known` are its `blobs`,
    if somebody has asked for them already.

    Raise ValueError if it is still uploading: its contents are not settled before.
    """
    if package.closed_at is None:
        raise ValueError(f"package {package.pk} is not closed")
    if known is None:
        known = blobs(package)
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
        files=tuple(_files(package, known)),
        blobs=tuple(_blobs(known)),
    )


def blobs(package: Package) -> dict[int, Blob]:
    """Return the blobs of a closed package by number, in ascending order: one for each file, then the packs.

    Raises ValueError when a file has none.
    """
    alone, inside = (package.files.filter(start__isnull=whole).order_by("number") for whole in (True, False))
    known = {blob.pk: blob for blob in Blob.objects.filter(pk__in=alone.order_by().values("blob")).iterator()}
    found = {}
    for number, blob_id in alone.values_list("number", "blob_id").iterator():
        if blob_id is None:
            raise ValueError(f"file {number} of package {package.pk} has no contents")
        found[number] = known[blob_id]
    packs = Blob.objects.filter(pk__in=inside.order_by().values("blob")).order_by("pk")
    return found | dict(enumerate(packs, package.file_count))


def _files(package: Package, known: Mapping[int, Blob]) -> Iterator[ManifestFile]:
    packs = {blob.pk: number for number, blob in known.items() if number >= package.file_count}
    names = ("number", "path", "size", "packed_digest", "packed_crc32", "blob_id", "start")
    rows = package.files.order_by("number").values_list(*names)
    for number, path, size, digest, crc32, blob_id, start in rows.iterator():
        if start is None:
            blob = known[number]
            yield ManifestFile(number, path, size, bytes(blob.digest), blob.crc32, number)
        else:
            yield ManifestFile(number, path, size, bytes(digest), crc32, packs[blob_id], start)


def _blobs(known: Mapping[int, Blob]) -> Iterator[ManifestBlob]:
    parts: defaultdict[UUID, list[FilePart]] = defaultdict(list)
    ids = [blob.pk for blob in known.values()]
    for at in range(0, len(ids), BATCH):
        rows = Part.objects.filter(blob__in=ids[at : at + BATCH]).order_by("blob", "number")
        for blob_id, digest, crc32 in rows.values_list("blob_id", "digest", "crc32").iterator():
            parts[blob_id].append(FilePart(bytes(digest), crc32))
    for number, blob in known.items():
        yield ManifestBlob(
            number, blob.size, blob.algorithm, blob.part_size, bytes(blob.digest), blob.crc32, tuple(parts[blob.pk])
        )
