"""Where the bytes of a package's files are: in blobs of their own, or many in a pack, which is sealed in the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from posthouse.lib import rows
from posthouse.lib.ids import uuid7
from posthouse.packages.models import File
from posthouse.store import packs
from posthouse.store.models import Blob
from posthouse.store.packs import Span, Spot

_PLACE = ("blob", "start", "packed_digest", "packed_crc32")
_SPAN = ("start", "size", "packed_digest")


class Place(NamedTuple):
    """Where the bytes of a file are; nowhere yet, without a blob. With a start, they are in a pack."""

    blob: UUID | None = None
    start: int | None = None
    packed_digest: bytes = b""
    packed_crc32: int = 0


def of(file: File) -> Place:
    """Return where a file's bytes are, for another file that has the same."""
    return Place(file.blob_id, file.start, bytes(file.packed_digest), file.packed_crc32)


def at(spot: Spot) -> Place:
    """Return the place of a file at a spot in a pack."""
    return Place(spot.pack.id, spot.start, spot.digest, spot.crc32)


def add(package_id: UUID, files: Iterable[tuple[str, int, Place]]) -> None:
    """Record the files of a new package: path, size in bytes, and place of each, in the order of their numbers."""
    rows.insert(
        File,
        ("id", "package", "number", "path", "size", *_PLACE),
        ((uuid7(), package_id, number, path, size, *place) for number, (path, size, place) in enumerate(files)),
    )


def place(files: Iterable[tuple[UUID, Place]]) -> None:
    """Set the places of files, by their ids, that have none yet."""
    rows.fill(File, _PLACE, ((*where, pk) for pk, where in files), empty="blob")


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
