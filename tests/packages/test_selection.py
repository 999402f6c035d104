"""Some files of a package, by their numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.packages import selection


def test_a_form_with_boxes_is_read():
    assert selection.parse("file=3&file=0&file=3&other=x") == [0, 3]


@pytest.mark.parametrize(
    "query", ["", "file=", "file=x", "file=-1", "file=1.5", "other=1", "file=" + "9" * 10, "file=\u0663"]
)
def test_what_chooses_nothing_is_refused(query):
    with pytest.raises(selection.NoSelection):
        selection.parse(query)


def test_more_files_than_a_package_has_are_refused():
    with pytest.raises(selection.NoSelection):
        selection.parse("&".join(["file=1"] * 50_001))


@given(st.sets(st.integers(0, 200)))
def test_the_short_text_holds_them_all(chosen):
    assert selection.numbers(selection.text(sorted(chosen))) == sorted(chosen)


def test_the_text_is_short():
    assert selection.text([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
