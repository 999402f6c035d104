"""What is recorded of parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from posthouse.store.models import Part


@dataclass(frozen=True, slots=True)
class Piece:
    """A part whose bytes are safely on the disk, and what is known of them."""

    number: int
    size: int
    digest: bytes
    crc32: int


def record(blob: UUID, pieces: Iterable[Piece]) -> None:
    """Record parts as safely there. A part that is recorded already is left as it is."""
    Part.objects.bulk_create(
        [
            Part(blob_id=blob, number=piece.number, size=piece.size, digest=piece.digest, crc32=piece.crc32)
            for piece in pieces
        ],
        ignore_conflicts=True,
    )
