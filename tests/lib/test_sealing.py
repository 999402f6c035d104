"""Sealed files: by the vectors that the browser's script is tested with, and whatever may happen to them on the way."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.lib import envelopes, sealing
from posthouse.lib.envelopes import EXTRA, RECORD, SEALED, BadEnvelope
from posthouse.lib.sealing import Damaged, FileSealer, WrongPassphrase

VECTORS = json.loads((Path(__file__).parents[1] / "packages" / "vectors" / "sealing.json").read_text())
KEY = bytes.fromhex(VECTORS["key"])


def contents(size: int) -> bytes:
    return (bytes((at * 131 + 7) % 251 for at in range(251)) * (size // 251 + 1))[:size]


def sealed(path: str, data: bytes, key: bytes = KEY) -> list[bytes]:
    sealer = FileSealer(key, path, len(data))
    count = envelopes.records(len(data))
    return [sealer.seal(number, data[number * RECORD : (number + 1) * RECORD]) for number in range(count)]


@pytest.mark.parametrize("file", VECTORS["files"], ids=lambda file: file["path"])
def test_files_are_sealed_to_the_very_bytes_of_the_vectors_and_open_again(file):
    data = contents(file["size"])
    records = sealed(file["path"], data)
    whole = b"".join(records)
    assert len(whole) == file["sealed"] == envelopes.sealed_size(file["size"])
    assert (whole[:32].hex(), whole[-32:].hex()) == (file["head"], file["tail"])
    assert sha256(whole).hexdigest() == file["sha256"]
    sealer = FileSealer(KEY, file["path"], file["size"])
    assert b"".join(sealer.open(number, record) for number, record in enumerate(records)) == data


@pytest.mark.parametrize("members", VECTORS["envelopes"])
def test_the_passphrase_opens_envelopes_of_both_makers(members):
    envelope = envelopes.read(members)
    assert sealing.open_package(envelope, VECTORS["passphrase"]) == KEY
    assert envelopes.parse(envelope.text()) == envelope
    assert len(envelope.text()) <= envelopes.MOST_TEXT
    with pytest.raises(WrongPassphrase):
        sealing.open_package(envelope, VECTORS["passphrase"] + " ")


def test_each_package_has_a_key_of_its_own():
    (one, key), (two, other) = sealing.seal_package("the same passphrase"), sealing.seal_package("the same passphrase")
    assert key != other
    assert one.salt != two.salt
    assert sealing.open_package(two, "the same passphrase") == other


def test_what_was_changed_moved_cut_short_or_renamed_does_not_open():
    data = contents(2 * RECORD + 10)
    first, second, third = sealed("a.mov", data)
    sealer = FileSealer(KEY, "a.mov", len(data))
    for at in (0, 11, 12, 500, len(first) - 1):
        flipped = bytearray(first)
        flipped[at] ^= 1
        with pytest.raises(Damaged):
            sealer.open(0, bytes(flipped))
    for number, record in ((0, second), (1, first), (2, third[:-1]), (0, b"")):
        with pytest.raises(Damaged):
            sealer.open(number, record)
    for other in (
        FileSealer(KEY, "a.mov", 2 * RECORD),
        FileSealer(KEY, "b.mov", len(data)),
        FileSealer(b"\1" * 32, "a.mov", len(data)),
    ):
        with pytest.raises(Damaged):
            other.open(0, first)


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_records_are_alike_exactly_when_what_is_in_them_is(one: bytes, other: bytes):
    size = 64
    one, other = one.ljust(size, b"\0"), other.ljust(size, b"\0")
    sealer = FileSealer(KEY, "a", size)
    assert (sealer.seal(0, one) == sealer.seal(0, other)) == (one == other)
    assert (sealer.nonce(0, one) == sealer.nonce(0, other)) == (one == other)


@given(st.integers(0, 2**53))
def test_sizes_go_both_ways(size: int):
    assert envelopes.open_size(envelopes.sealed_size(size)) == size


@given(st.integers(-5, 5 * SEALED))
def test_no_other_size_is_taken(sealed: int):
    size = envelopes.open_size(sealed)
    assert size is None or envelopes.sealed_size(size) == sealed


def test_the_sizes_that_nothing_has():
    assert [envelopes.open_size(size) for size in (0, 1, EXTRA - 1, SEALED + 1, SEALED + EXTRA)] == [None] * 5
    assert envelopes.span(1, RECORD + 3) == (SEALED, 3 + EXTRA)
    with pytest.raises(ValueError, match="no record 1"):
        envelopes.span(1, RECORD)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": True},
        {"iterations": 599_999},
        {"iterations": 10_000_001},
        {"iterations": "600000"},
        {"salt": "AAAA"},
        {"salt": None},
        {"nonce": "not base64"},
        {"wrapped": ""},
        {"more": 1},
    ],
)
def test_an_envelope_of_another_kind_is_refused(change):
    with pytest.raises(BadEnvelope):
        envelopes.read(VECTORS["envelopes"][0] | change)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "1" * 500, "[" * 399, '"x"'])
def test_a_text_that_is_no_envelope_is_refused(text):
    with pytest.raises(BadEnvelope):
        envelopes.parse(text)
