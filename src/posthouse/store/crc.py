"""The CRC-32 of joined pieces from the CRC-32 of each. Pure.

A CRC is the remainder of a polynomial over GF(2). Appending n bytes to A multiplies A by x^(8n), so

    crc(A ‖ B) = crc(A) · x^(8·|B|) mod P  xor  crc(B)

(the initial and the final inversion of CRC-32 cancel out). The power is found by repeated squaring, as in zlib's
crc32_combine of 2018 and later (Mark Adler, crc32.c). Bits are reflected: x^0 is the highest bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

POLYNOMIAL = 0xEDB88320
ONE = 1 << 31


def combine(crc1: int, crc2: int, length2: int) -> int:
    """Return the CRC-32 of two pieces put together, of which the second has `length2` bytes."""
    return _product(_power(length2), crc1) ^ crc2


def of_parts(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-32 of pieces put together, given as (CRC-32, length in bytes); 0 if there is none."""
    whole = 0
    for crc, length in parts:
        whole = combine(whole, crc, length)
    return whole


def _product(a: int, b: int) -> int:
    """Return a · b mod P."""
    result = 0
    while a:
        if a & ONE:
            result ^= b
        a = a << 1 & 0xFFFFFFFF
        b = b >> 1 ^ POLYNOMIAL if b & 1 else b >> 1
    return result


@lru_cache(maxsize=256)  # all parts of a file but the last have one length
def _power(length: int) -> int:
    """Return x^(8 · length) mod P."""
    result, square = ONE, ONE >> 8
    while length:
        if length & 1:
            result = _product(result, square)
        square = _product(square, square)
        length >>= 1
    return result
