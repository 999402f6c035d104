"""Many blobs at once, whose digests are known beforehand: a few queries, and no wait for the disk for each file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from posthouse.lib import rows
from posthouse.lib.ids import uuid7
from posthouse.store import blobs, disk, parts
from posthouse.store.errors import BlobMissing, StoreError, StoreFull, in_words
from posthouse.store.models import Blob, Part
from posthouse.store.records import Piece

BATCH = 500


@dataclass(frozen=True, slots=True)
class Expected:
    """A blob that will come, and what it must amount to."""

    size: int
    algorithm: str
    digest: bytes
    crc32: int


def prepare(expected: Iterable[Expected], later: int = 0) -> list[Blob]:
    """Return new blobs, in the same order, with their files on the disk; `save` records them, `discard` does not.

    Files of up to `later` bytes are not made yet: blobs.small_writer makes each when its bytes are there. Their digests
    are set already: whoever records their parts sees to it that each is the expected one. Raises StoreFull when the
    store has not the room for all of them now, and StoreError.
    """
    made = [
        Blob(
            id=uuid7(),
            state=Blob.State.ARRIVING if one.size else Blob.State.COMPLETE,
            size=one.size,
            part_size=parts.part_size(one.size),
            algorithm=one.algorithm,
            digest=one.digest,
            crc32=one.crc32,
        )
        for one in expected
    ]
    with in_words():
        blobs.local().root.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted, room = sum(blob.size for blob in made), blobs.free()
    if wanted > room:
        raise StoreFull(
            f"The store has no room for these {wanted} bytes: {room} bytes are free. "
            "They can come once an administrator has made room."
        )
    try:
        _make_files([blob.id for blob in made if blob.size > later])
    except StoreError:
        discard(made)
        raise
    return made


def save(made: Sequence[Blob]) -> None:
    """Record blobs that were prepared. Call it in a transaction."""
    now = timezone.now()
    rows.insert(
        Blob,
        ("id", "state", "size", "part_size", "algorithm", "digest", "crc32", "created_at"),
        (
            (blob.id, blob.state, blob.size, blob.part_size, blob.algorithm, blob.digest, blob.crc32, now)
            for blob in made
        ),
    )


def discard(made: Iterable[Blob]) -> None:
    """Remove the files of blobs that were prepared and not recorded."""
    store = blobs.local()
    for blob in made:
        store.remove(blob.id)


def have(known: Sequence[Blob]) -> dict[UUID, set[int]]:
    """Return the numbers of the parts that are safely there, of each blob that is not complete."""
    found: dict[UUID, set[int]] = {blob.id: set() for blob in known if blob.state != Blob.State.COMPLETE}
    ids = list(found)
    for at in range(0, len(ids), BATCH):
        recorded = Part.objects.filter(blob__in=ids[at : at + BATCH]).values_list("blob_id", "number")
        for blob_id, number in recorded.order_by().iterator():
            found[blob_id].add(number)
    return found


def record(pieces: Mapping[UUID, Iterable[Piece]]) -> None:
    """Record parts of several blobs as safely there. A part that is recorded already is left as it is.

    Call it in a transaction.
    """
    rows.insert(
        Part,
        ("blob", "number", "size", "digest", "crc32"),
        (
            (blob_id, piece.number, piece.size, piece.digest, piece.crc32)
            for blob_id, some in pieces.items()
            for piece in some
        ),
        ignore_conflicts=True,
    )


def lost(known: Iterable[Blob]) -> list[Blob]:
    """Return those whose files do not reach as far as they should, though all their parts were recorded."""
    return [blob for blob in known if blob.size and not _reaches(blob)]


def forget_parts(blob: Blob) -> None:
    """Let all of an unfinished blob come anew, into a new file if the old one has gone."""
    with transaction.atomic():
        Part.objects.filter(blob=blob, blob__state=Blob.State.ARRIVING).delete()
    with suppress(BlobMissing):
        blobs.local().length(blob.id)
        return
    blobs.local().create(blob.id)


def complete(known: Sequence[Blob]) -> None:
    """Mark blobs as complete whose parts are all recorded and checked. Call it in the transaction that uses them.

    Raises ValueError, and changes nothing, when a part is missing.
    """
    waiting = [blob for blob in known if blob.state != Blob.State.COMPLETE]
    for at in range(0, len(waiting), BATCH):
        batch = waiting[at : at + BATCH]
        ids = [blob.id for blob in batch]
        counts: Counter[UUID] = Counter(
            dict(Part.objects.filter(blob__in=ids).order_by().values_list("blob_id").annotate(Count("id")))
        )
        for blob in batch:
            if counts[blob.id] != parts.part_count(blob.size, blob.part_size):
                raise ValueError(f"blob {blob.id} is not whole")
        Blob.objects.filter(id__in=ids, state=Blob.State.ARRIVING).update(state=Blob.State.COMPLETE)
    for blob in waiting:
        blob.state = Blob.State.COMPLETE


def delete(ids: Sequence[UUID]) -> None:
    """Remove blobs, and their bytes once the transaction is over.

    Raises django.db.models.ProtectedError when something still refers to one of them.
    """
    for at in range(0, len(ids), BATCH):
        batch = ids[at : at + BATCH]
        Blob.objects.filter(id__in=batch).delete()
    for blob_id in ids:
        transaction.on_commit(partial(blobs.local().remove, blob_id))


def _reaches(blob: Blob) -> bool:
    try:
        return blobs.local().length(blob.id) >= blob.size
    except BlobMissing:
        return False


def _make_files(ids: Sequence[UUID]) -> None:
    """Make empty files that outlive a power cut: each folder is synced once, not once for each file."""
    store = blobs.local()
    folders: set[Path] = set()
    with in_words():
        for blob_id in ids:
            path = store.path(blob_id)
            if path.parent not in folders:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                folders.add(path.parent)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        for folder in (*folders, store.root) if folders else ():
            with disk.closing(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as opened:
                os.fsync(opened)
