"""A batch: some shared rows on their way to a slave, as compressed lines behind a line of JSON. Pure."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

LEVEL = 1
COMPRESSED_LIMIT = 16 * 1024 * 1024
LIMIT = 64 * 1024 * 1024


class BatchError(ValueError):
    """What came is not a batch."""


@dataclass(frozen=True)
class Range:
    """All rows of a kind whose ids are behind one, up to another; empty: from the beginning, to the end."""

    after: str
    last: str
    base: int
    """The full copy that it is a step of has everything up to this change."""


@dataclass(frozen=True)
class Batch:
    """Rows as lines, by kind, in the order in which they are to be written."""

    rows: dict[str, list[str]]
    gone: dict[str, list[str]] = field(default_factory=dict)
    """Ids of rows that are not there any more."""
    kind: str = ""
    """The kind of which this is all there is in a range or in some buckets: others are strays."""
    range: Range | None = None
    buckets: tuple[str, ...] = ()
    after: int = 0
    upto: int = 0
    """The slave that has everything up to `after` has everything up to here; 0: this says nothing about that."""
    proof: str = ""
    """What the digest of everything must be now; empty: it is not compared."""

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return sum(map(len, self.rows.values())) + sum(map(len, self.gone.values()))


def pack(document: Any) -> bytes:
    """Compress a JSON document."""
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), LEVEL)


def unpack(data: bytes) -> Any:
    """Return the JSON document. Raises BatchError when it is none, or too large."""
    return _json(_inflate(data))


def dumps(batch: Batch) -> bytes:
    """Return a batch as it travels."""
    head = {
        "rows": {kind: len(rows) for kind, rows in batch.rows.items()},
        "gone": batch.gone,
        "kind": batch.kind,
        "range": [batch.range.after, batch.range.last, batch.range.base] if batch.range else None,
        "buckets": batch.buckets,
        "after": batch.after,
        "upto": batch.upto,
        "proof": batch.proof,
    }
    packed = [json.dumps(head, separators=(",", ":"))]
    for rows in batch.rows.values():
        packed += rows
    return zlib.compress("\n".join(packed).encode(), LEVEL)


def loads(data: bytes) -> Batch:
    """Return the batch that came. Raises BatchError. Whether its lines have the form of rows is not looked at."""
    head, *lines = _inflate(data).split("\n")
    match _json(head):
        case {
            "rows": dict(counts),
            "gone": dict(gone),
            "kind": str(kind),
            "range": list() | None as limits,
            "buckets": list(buckets),
            "after": int(after),
            "upto": int(upto),
            "proof": str(proof),
        } if after >= 0 and upto >= 0 and _are_names(buckets, 4):
            if not all(isinstance(ids, list) and _are_names(ids, 32) for ids in gone.values()):
                raise BatchError("what is gone is not told by ids")
            rows = _parted(lines, counts)
            return Batch(rows, gone, kind, _range(limits), tuple(buckets), after, upto, proof)
    raise BatchError("it has not the form of one")


def _parted(lines: list[str], counts: dict[str, Any]) -> dict[str, list[str]]:
    if not all(isinstance(count, int) and count >= 0 for count in counts.values()) or sum(counts.values()) != len(
        lines
    ):
        raise BatchError("it has not as many rows as it says")
    rows, start = {}, 0
    for kind, count in counts.items():
        rows[kind] = lines[start : start + count]
        start += count
    return rows


def _range(limits: Any) -> Range | None:
    match limits:
        case None:
            return None
        case [str(after), str(last), int(base)] if _are_names([name for name in (after, last) if name], 32):
            return Range(after, last, base)
    raise BatchError("its range has not the form of one")


def _are_names(names: list[Any], length: int) -> bool:
    return all(
        isinstance(name, str) and len(name) == length and not set(name) - set("0123456789abcdef") for name in names
    )


def _inflate(data: bytes) -> str:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, LIMIT)
        if not inflater.eof or inflater.unused_data:
            raise BatchError("it is cut short, or too large")
        return text.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise BatchError(str(error)) from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BatchError(str(error)) from error
