"""How texts and questions are cut into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.packages.tokens import LONGEST, MOST_ASKED, Asked, asked, bounded, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rushes of Day", ["rushes", "of", "day"]),
        ("reels/A_scene-12.MOV", ["reels", "a", "scene", "12", "mov"]),
        ("IMG1234", ["img1234", "img", "1234"]),  # a camera's name is found by its number, too
        ("Größe Éclair ŁÓDŹ", ["grosse", "eclair", "łodz"]),  # accents make no difference
        ("ﬁnal \uff37ide", ["final", "wide"]),  # nor do other forms of the same letters
        ("映像 rush", ["映像", "像", "rush"]),  # no spaces in it: pairs of characters
        ("東京映像", ["東京", "京映", "映像", "像"]),
        ("한국어", ["한국어"]),
        ("<b>'a'\" | & ! : * ( )", ["b", "a"]),
        ("🎬 \x00 … @=_", []),
        ("x" * 100, ["x" * LONGEST]),
    ],
)
def test_a_text_is_cut_into_words(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rush", [Asked("rush", True)]),
        ("a", [Asked("a", False)]),  # too many words begin so
        ("Rush rush RUSH", [Asked("rush", True)]),
        ("映", [Asked("映", True)]),
        ("東京映像", [Asked("東京", False), Asked("京映", False), Asked("映像", False)]),
        ("!!!", []),
    ],
)
def test_a_question_is_cut_in_the_same_way(text: str, expected: list[Asked]) -> None:
    assert asked(text) == expected


def test_of_a_long_question_the_first_words_count() -> None:
    assert len(asked(" ".join(f"word{n}" for n in range(5000)))) == MOST_ASKED


@given(st.text(max_size=60))
def test_whatever_is_asked_for_is_found_in_itself(text: str) -> None:
    there = list(words(text))
    for each in asked(text):
        assert any(word.startswith(each.word) if each.beginning else word == each.word for word in there)


@given(st.text(max_size=60))
def test_words_are_letters_and_digits_only(text: str) -> None:
    for word in words(text):
        assert all(character.isalnum() for character in word), word


def test_words_are_kept_within_a_bound_and_each_once() -> None:
    assert bounded(["a b a c"], 2) == (["a", "b"], 0)
    assert bounded(["a é"], 10) == (["a", "e"], 8)
