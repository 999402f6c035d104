"""The store's interface: blobs arrive part by part, become complete once, and are read from any byte on.

Everything here blocks; call it in a thread from an event loop. Bytes are on the disk before a record says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from posthouse.lib.ids import uuid7
from posthouse.store import crc, digests, direct, disk, locks, parts
from posthouse.store.disk import Disk
from posthouse.store.errors import BlobMissing, PartsMissing, StoreFull
from posthouse.store.models import Blob, Part
from posthouse.store.writers import PartWriter

STEP = 1024 * 1024
"""Bytes in a piece that `read` yields."""


def local() -> Disk:
    """Return the disk that the settings name."""
    return Disk(settings.POSTHOUSE.store)


def create(size: int, algorithm: str | None = None) -> Blob:
    """Return a new blob of `size` bytes that waits for them; an empty one is complete at once.

    `algorithm` is one of digests.ALGORITHMS; the setting `digest` if none is named. Raises StoreFull when the store
    has not the room for it now, StoreError, and ValueError for an unknown algorithm.
    """
    algorithm = algorithm or settings.POSTHOUSE.digest
    empty_digest = digests.of_parts(algorithm, [])
    blob = Blob(id=uuid7(), size=size, part_size=parts.part_size(size), algorithm=algorithm)
    if size == 0:
        blob.state, blob.digest = Blob.State.COMPLETE, empty_digest
    else:
        room = local().free()
        if size > room:
            raise StoreFull(
                f"The store has no room for this file of {size} bytes: {room} bytes are free. "
                "It can come once an administrator has made room."
            )
        # Before the record: a record without a file would be a promise, a file without a record is only litter.
        local().create(blob.id)
    blob.save(force_insert=True)
    return blob


def writer(blob: Blob, number: int, at: int = 0, *, alone: bool = False, bulk: bool = False) -> PartWriter:
    """Return a writer of one part, which begins after the `at` bytes of the part that are safely there.

    Those bytes are read back for the digest. `alone` keeps other such writers out of this part until it is closed, and
    waits a moment for one that is about to close. `bulk` is for whoever brings the whole part in one go: it does not go
    through the page cache, where the disk can do that. Raises StoreError (PartBusy), and ValueError for a part that the
    blob does not have.
    """
    offset, length = parts.span(number, blob.size, blob.part_size)
    if not 0 <= at <= length:
        raise ValueError(f"Part {number} has {length} bytes; it cannot go on after {at}.")
    descriptor = local().open_alone(blob.id)
    try:
        if alone:
            locks.hold(descriptor, offset, length)
        past_cache = bulk and at == 0 and offset % direct.ALIGNED == 0 and length >= direct.BUFFER
        return PartWriter(
            descriptor,
            blob.id,
            number=number,
            offset=offset,
            length=length,
            algorithm=blob.algorithm,
            at=at,
            direct=local().open_direct(blob.id) if past_cache else None,
        )
    except BaseException:
        os.close(descriptor)
        raise


def small_writer(blob: Blob) -> PartWriter:
    """Return a writer of the only part of a small file, which is made now if it is not there yet.

    Seal it within disk.synced, which makes the file's name durable, too. Raises StoreError.
    """
    return PartWriter(
        local().open_new(blob.id), blob.id, number=0, offset=0, length=blob.size, algorithm=blob.algorithm
    )


def stretch_writer(blob: Blob, number: int, start: int, length: int) -> PartWriter:
    """Return a writer of `length` bytes of one part, from `start` on, whose digest is that of those bytes alone.

    Raises StoreError, and ValueError for bytes that the part does not have.
    """
    offset, whole = parts.span(number, blob.size, blob.part_size)
    if not (start >= 0 and 0 < length <= whole - start):
        raise ValueError(f"Part {number} has {whole} bytes.")
    return PartWriter(
        local().open_alone(blob.id),
        blob.id,
        number=number,
        offset=offset + start,
        length=length,
        algorithm=blob.algorithm,
    )


def have(blob: Blob) -> set[int]:
    """Return the numbers of the parts that are safely there."""
    return set(Part.objects.filter(blob=blob).values_list("number", flat=True))


def complete(blob: Blob) -> Blob:
    """Set the digest and the CRC-32 of a blob whose parts are all there, and return it. Doing it again is harmless.

    Raises PartsMissing, which names the gaps, and BlobMissing when the file or the record has gone.
    """
    blob.refresh_from_db()
    if blob.state == Blob.State.COMPLETE:
        return blob
    known = list(Part.objects.filter(blob=blob).order_by("number").values_list("number", "digest", "crc32", "size"))
    gaps = parts.missing({number for number, *_ in known}, parts.part_count(blob.size, blob.part_size))
    if gaps:
        raise PartsMissing(gaps)
    if local().length(blob.id) != blob.size:
        raise BlobMissing("The store lost bytes of this file that it had acknowledged. Start the file again.")
    blob.digest = digests.of_parts(blob.algorithm, (bytes(digest) for _, digest, _, _ in known))
    blob.crc32 = crc.of_parts((crc32, size) for _, _, crc32, size in known)
    Blob.objects.filter(id=blob.id, state=Blob.State.ARRIVING).update(
        state=Blob.State.COMPLETE, digest=blob.digest, crc32=blob.crc32
    )
    # Somebody else may have been first: parts never change, so he has set the same.
    blob.refresh_from_db()
    return blob


def read(blob: Blob, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the bytes from `start` on, in pieces of up to STEP: `length` of them, or all up to the end.

    Raises BlobMissing when the bytes are not there, also when they end too early, and StoreError.
    """
    wanted = max(0, blob.size - start) if length is None else min(length, max(0, blob.size - start))
    if not wanted:
        return
    with disk.closing(local().open(blob.id)) as descriptor:
        for data in disk.read_at(descriptor, start, wanted, STEP):
            wanted -= len(data)
            yield data
    if wanted:
        raise BlobMissing


def path(blob: Blob) -> Path | None:
    """Return the file that holds exactly the blob's bytes, or nothing where no such file is (an empty blob)."""
    return local().path(blob.id) if blob.size else None


def delete(blob: Blob) -> None:
    """Remove the blob, and its bytes once the transaction is over.

    Raises django.db.models.ProtectedError when something still refers to it.
    """
    Blob.objects.filter(id=blob.id).delete()
    transaction.on_commit(partial(local().remove, blob.id))


def free() -> int:
    """Return the bytes for which the store has room. Raises StoreError."""
    return local().free()
