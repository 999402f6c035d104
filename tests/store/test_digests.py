"""Digests of parts and files, and CRC-32 of joined pieces."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from posthouse.store import crc, digests


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_crc_of_two_pieces_is_that_of_the_whole(first: bytes, second: bytes) -> None:
    assert crc.combine(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


@given(st.lists(st.binary(max_size=100), max_size=12))
def test_the_crc_of_many_pieces_is_that_of_the_whole(pieces: list[bytes]) -> None:
    assert crc.of_parts((zlib.crc32(piece), len(piece)) for piece in pieces) == zlib.crc32(b"".join(pieces))


def test_the_crc_of_long_pieces_is_right_too() -> None:
    zeros = bytes(32 * 1024 * 1024 + 7)
    assert crc.combine(zlib.crc32(b"head"), zlib.crc32(zeros), len(zeros)) == zlib.crc32(b"head" + zeros)


def test_a_files_digest_is_that_of_its_parts_digests() -> None:
    ones = [blake3(b"one").digest(), blake3(b"two").digest()]
    assert digests.of_parts("blake3", ones) == blake3(ones[0] + ones[1]).digest()
    assert digests.of_parts("sha256", []) == hashlib.sha256(b"").digest()


def test_an_unknown_digest_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'md5' is not known here; use one of blake3, sha256"):
        digests.new("md5")
