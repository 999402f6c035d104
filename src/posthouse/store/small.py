"""Small files that come in one go: written, made durable and recorded with as few steps as that takes."""

from __future__ import annotations

import zlib

from django.conf import settings

from posthouse.store import blobs, digests, many
from posthouse.store.many import Expected
from posthouse.store.models import Blob
from posthouse.store.records import Piece

MOST = 256 * 1024
"""Bytes: up to here nothing is lost that matters when a line is cut and all must come again."""


def bring(data: bytes) -> tuple[Blob, Piece]:
    """Return a new blob of these bytes, safely on the disk, and its only part: both are still to be recorded by `save`.

    Whoever does not record it removes its file. Raises StoreFull, StoreError, and ValueError for no bytes, or too many.
    """
    if not 0 < len(data) <= MOST:
        raise ValueError(f"{len(data)} bytes are no small file.")
    algorithm = settings.POSTHOUSE.digest
    hasher = digests.new(algorithm)
    hasher.update(data)
    digest, crc32 = hasher.digest(), zlib.crc32(data)
    whole = digests.of_parts(algorithm, [digest])
    [blob] = many.prepare([Expected(len(data), algorithm, whole, crc32)])
    try:
        with blobs.writer(blob, 0) as writer:
            writer.write(data)
            piece = writer.seal()
    except BaseException:
        blobs.local().remove(blob.id)
        raise
    blob.state = Blob.State.COMPLETE
    return blob, piece


def save(blob: Blob, piece: Piece) -> None:
    """Record what `bring` returned. Call it in a transaction."""
    many.save([blob])
    many.record({blob.id: [piece]})
