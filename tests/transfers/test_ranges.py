"""Range requests (RFC 9110, section 14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.transfers.ranges import NotSatisfiable, Span, matches, still_valid, wanted


@pytest.mark.parametrize(
    ("field", "span"),
    [
        (None, None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-", Span(2, 8)),
        ("bytes=-3", Span(7, 3)),
        ("bytes=-30", Span(0, 10)),  # a suffix longer than the file is the file
        ("bytes=5-100", Span(5, 5)),  # the end is cut to what is there
        ("BYTES=1-2", Span(1, 2)),  # units are case-insensitive
        ("bytes=3-2", None),  # malformed fields are ignored
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1-2,4-5", None),  # several: the whole
        ("lines=1-2", None),
        ("bytes=+1-2", None),
        ("bytes=1-2\n", None),
    ],
)
def test_a_field_means_these_bytes_of_ten(field: str | None, span: Span | None) -> None:
    assert wanted(field, 10) == span


@pytest.mark.parametrize(("field", "size"), [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=-1", 0)])
def test_a_range_after_the_end_cannot_be_had(field: str, size: int) -> None:
    with pytest.raises(NotSatisfiable):
        wanted(field, size)


@given(st.integers(1, 1000), st.data())
def test_the_bytes_are_those_of_a_slice(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size + 10))
    span = wanted(f"bytes={first}-{last}", size)
    assert span is not None
    contents = bytes(index % 251 for index in range(size))
    assert contents[span.start : span.start + span.length] == contents[first : last + 1]
    assert span.content_range(size) == f"bytes {first}-{min(last, size - 1)}/{size}"


def test_if_range_wants_the_very_tag() -> None:
    assert still_valid(None, '"a"')
    assert still_valid('"a"', '"a"')
    assert not still_valid('"b"', '"a"')
    assert not still_valid('W/"a"', '"a"')
    assert not still_valid("Wed, 21 Oct 2015 07:28:00 GMT", '"a"')


def test_if_none_match_compares_weakly() -> None:
    assert matches('"x", W/"a"', '"a"')
    assert matches("*", '"a"')
    assert not matches('"x"', '"a"')
    assert not matches(None, '"a"')
