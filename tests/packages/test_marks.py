"""Which beginnings of records a sender is told, to see whether it is still the same file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.lib.envelopes import NONCE, SEALED
from posthouse.packages import marks


@pytest.mark.parametrize(
    ("offset", "places"),
    [
        (0, []),
        (NONCE - 1, []),  # the first nonce is not all there
        (NONCE, [0]),
        (SEALED, [0]),
        (SEALED + NONCE - 1, [0]),
        (SEALED + NONCE, [0, 1]),
        (16 * SEALED, list(range(16))),
    ],
)
def test_a_record_is_marked_as_soon_as_its_nonce_is_there(offset, places):
    assert list(marks.places(offset)) == places


@given(st.integers(0, 2**50))
def test_there_are_few_and_the_first_and_the_last_are_among_them(offset):
    places = list(marks.places(offset))
    assert len(places) <= marks.MOST
    assert places == sorted(set(places))
    assert all(place * SEALED + NONCE <= offset for place in places)
    if places:
        assert places[0] == 0
        assert (places[-1] + 1) * SEALED + NONCE > offset
