"""A batch on its way: what comes out is what went in, and what is none is refused."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from posthouse.sync import batches

HEAD = {"rows": {}, "gone": {}, "kind": "", "range": None, "buckets": [], "after": 0, "upto": 0, "proof": ""}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        HEAD | {"rows": {"users": 1}},
        HEAD | {"rows": {"users": -1}},
        HEAD | {"rows": {"users": "x"}},
        HEAD | {"gone": {"users": ["1; DROP"]}},
        HEAD | {"gone": {"users": 3}},
        HEAD | {"upto": -1},
        HEAD | {"range": ["x", "", 1]},
        HEAD | {"buckets": ["zzzz"]},
        HEAD | {"proof": None},
    ],
)
def test_what_is_no_batch_is_refused(document: Any) -> None:
    with pytest.raises(batches.BatchError):
        batches.loads(batches.pack(document))


@pytest.mark.parametrize("data", [b"", b"x", zlib.compress(b"\xff"), batches.pack(HEAD)[:-1]])
def test_what_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(batches.BatchError):
        batches.loads(data)


def test_a_batch_survives_the_way_and_a_bomb_does_not() -> None:
    key = "0" * 32
    batch = batches.Batch(
        {"servers": [], "users": ["ä\t\\N", "b"]},
        {"users": [key]},
        kind="users",
        range=batches.Range("", key, 7),
        buckets=("00af",),
        after=3,
        upto=9,
        proof="x",
    )
    assert batches.loads(batches.dumps(batch)) == batch
    with pytest.raises(batches.BatchError):
        batches.loads(zlib.compress(b" " * (batches.LIMIT + 1)))
