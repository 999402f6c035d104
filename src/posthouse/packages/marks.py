"""Marks of an encrypted file that is half there: by them its sender sees whether it is still the file that was begun.

A mark is the beginning of a record, its nonce, which depends on all that is in the record. The sender makes it anew
from the file that was chosen to go on with; when they differ, the file was changed in between.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from posthouse.lib.envelopes import NONCE, SEALED
from posthouse.store import blobs
from posthouse.store.models import Blob

MOST = 16


def places(offset: int) -> Sequence[int]:
    """Return the records whose marks are told when `offset` bytes are there: first, last and some between. Pure."""
    there = max(0, offset - NONCE) // SEALED + 1 if offset >= NONCE else 0
    if there <= MOST:
        return range(there)
    return sorted({round(step * (there - 1) / (MOST - 1)) for step in range(MOST)})


def of(blob: Blob, offset: int) -> list[tuple[int, str]]:
    """Return marks of a blob whose first `offset` bytes are there: (record, nonce in base64). Raises StoreError."""
    found = []
    for number in places(offset):
        nonce = b"".join(blobs.read(blob, number * SEALED, NONCE))
        found.append((number, base64.b64encode(nonce).decode()))
    return found
