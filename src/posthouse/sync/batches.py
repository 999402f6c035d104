"""A batch: some shared rows on their way to a slave, as compressed JSON. Pure."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

LEVEL = 6
COMPRESSED_LIMIT = 16 * 1024 * 1024
LIMIT = 64 * 1024 * 1024


class BatchError(ValueError):
    """What came is not a batch."""


@dataclass(frozen=True)
class Batch:
    """Rows, by the name of what they are, and the change numbers that they lead from and to."""

    after: int
    """The slave has everything up to this change; 0: from the beginning."""
    upto: int
    """With this batch it has everything up to this one."""
    rows: dict[str, list[list[Any]]]

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return sum(len(rows) for rows in self.rows.values())


def pack(document: Any) -> bytes:
    """Compress a JSON document."""
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), LEVEL)


def unpack(data: bytes) -> Any:
    """Return the JSON document. Raises BatchError when it is none, or too large."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, LIMIT)
        if not inflater.eof or inflater.unused_data:
            raise BatchError("it is cut short, or too large")
        return json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise BatchError(str(error)) from error


def dumps(batch: Batch) -> bytes:
    """Return a batch as it travels."""
    return pack({"after": batch.after, "upto": batch.upto, "rows": batch.rows})


def loads(data: bytes, names: tuple[str, ...]) -> Batch:
    """Return the batch that came; `names` are what its rows may be. Raises BatchError."""
    match unpack(data):
        case {"after": int(after), "upto": int(upto), "rows": dict(rows)} if 0 <= after <= upto:
            if not set(rows) <= set(names) or not all(_is_table(table) for table in rows.values()):
                raise BatchError("its rows are of an unknown kind")
            return Batch(after, upto, rows)
    raise BatchError("it has not the form of one")


def _is_table(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, list) for row in rows)
