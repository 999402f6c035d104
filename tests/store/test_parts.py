"""Part arithmetic."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.store import parts

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("size", "part_size", "count"),
    [
        (0, 16 * MIB, 0),  # an empty file has no part
        (1, 16 * MIB, 1),
        (16 * MIB, 16 * MIB, 1),
        (16 * MIB + 1, 16 * MIB, 2),
        (10_000 * 16 * MIB, 16 * MIB, 10_000),  # the most with ordinary parts
        (10_000 * 16 * MIB + 1, 32 * MIB, 5_001),  # one byte more: parts are twice as long
        (5 * 1024**4, 1024 * MIB, 5_120),
    ],
)
def test_parts_are_doubled_until_ten_thousand_suffice(size: int, part_size: int, count: int) -> None:
    assert parts.part_size(size) == part_size
    assert parts.part_count(size, part_size) == count


@given(st.integers(1, 2**50), st.data())
def test_spans_cover_the_file_without_gap_or_overlap(size: int, data: st.DataObject) -> None:
    length = parts.part_size(size)
    count = parts.part_count(size, length)
    number = data.draw(st.integers(0, count - 1))
    offset, bytes_in_part = parts.span(number, size, length)
    assert 1 <= bytes_in_part <= length
    if number == 0:
        assert offset == 0
    if number == count - 1:
        assert offset + bytes_in_part == size
    else:
        assert parts.span(number + 1, size, length)[0] == offset + bytes_in_part


@pytest.mark.parametrize("number", [-1, 2])
def test_a_part_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no part"):
        parts.span(number, 17 * MIB, 16 * MIB)


@given(st.sets(st.integers(-3, 60)), st.integers(0, 50))
def test_missing_ranges_name_exactly_the_absent_parts(have: set[int], count: int) -> None:
    ranges = parts.missing(have, count)
    named = [number for first, last in ranges for number in range(first, last + 1)]
    assert named == [number for number in range(count) if number not in have]
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(ranges)), "ranges are joined"
