"""File names from browsers: what is taken as it is, what is refused, and what is said about it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.packages import limits, names


@pytest.mark.parametrize(
    "path",
    [
        "a.mov",
        "reels/day 12/a.mov",
        "📦 emoji 👨‍👩‍👧.txt",  # joined by zero-width joiners, which are no control characters
        "شريط.mov",
        ".hidden",
        "...",
        "take:2.mov",
        "10:30.mov",
        "<script>alert(1)</script>",
        "x" * 255,
        "é" * 127,
    ],
)
def test_a_name_that_harms_nobody_is_taken_as_it_is(path):
    assert names.clean(path) == path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "has no name"),
        ("../x", "leads out of its folder"),
        ("a/../../etc/passwd", "leads out of its folder"),
        ("./x", "leads out of its folder"),
        ("/etc/passwd", "root of a disk"),
        ("a\\b.txt", "backslash"),
        ("C:/x", "letter of a drive"),
        ("c:x", "letter of a drive"),
        ("a//b", "part without a name"),
        ("a/", "part without a name"),
        (" /b", "part without a name"),
        ("a\x00b", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\x7f", "U+007F"),
        ("a\x85b", "U+0085"),
        ("a\u2028b", "U+2028"),
        ("a\ud800", "U+D800"),
        ("photo\u202egpj.exe", "U+202E"),
        ("a\u200f.txt", "U+200F"),
        ("a\u2066.txt", "U+2066"),
        ("x" * 256, "longer than 255 bytes"),
        ("é" * 128, "longer than 255 bytes"),
        ("/".join(["abcdefg"] * 130), "longer than 1024 characters"),
    ],
)
def test_a_name_that_could_lead_astray_is_refused_with_the_reason(path, words):
    with pytest.raises(names.BadName, match=words.replace("+", r"\+")):
        names.clean(path)


@pytest.mark.parametrize("path", ["photo\u202egpj.exe", "a\x00b", "x" * 3000])
def test_the_sentence_about_a_bad_name_can_be_shown_to_anybody(path):
    with pytest.raises(names.BadName) as caught:
        names.clean(path)
    sentence = str(caught.value)
    assert len(sentence) < 400
    assert not any(names.misleading(character) for character in sentence)


def test_a_decomposed_name_from_a_mac_is_kept_composed():
    assert names.clean(unicodedata.normalize("NFD", "Ünïcode.txt")) == "Ünïcode.txt"


def test_names_that_fall_together_on_other_disks_are_told():
    [sentence] = names.clashes(["a/Take.mov", "a/take.mov", "b/take.mov"])
    assert "a/Take.mov" in sentence
    assert "capital letters" in sentence


def test_a_path_that_is_there_twice_is_told():
    [sentence] = names.clashes(["a", "b", "a"])
    assert sentence == "“a” is there twice. Remove one of the two."


def test_a_file_with_the_name_of_a_folder_is_told():
    [sentence] = names.clashes(["a", "a/b"])
    assert "also the folder" in sentence


def test_names_that_only_look_alike_do_not_clash():
    assert not list(names.clashes(["a/b/c", "a/b/d", "a/c", "ab/c"]))


def test_files_are_ordered_as_people_count_and_folders_stay_together():
    paths = ["b/take 10", "b/take 2", "a z/1", "a/x/1", "a/m", "B/take 3"]
    assert sorted(paths, key=names.order) == ["a/m", "a/x/1", "a z/1", "b/take 2", "B/take 3", "b/take 10"]


@given(st.text(max_size=300))
def test_whatever_is_taken_is_safe_below_a_folder_and_stays_taken(path):
    try:
        clean = names.clean(path)
    except names.BadName as refused:
        complaint = str(refused)
    else:
        complaint = None
    if complaint is not None:
        assert not any(names.misleading(character) for character in complaint)
        return
    parts = clean.split("/")
    assert all(part not in {"", ".", ".."} for part in parts)
    assert all(len(part.encode()) <= limits.COMPONENT for part in parts)
    assert not set(clean) & ({"\\", "\0", "\n"} | names.BIDI_CONTROLS)
    assert names.clean(clean) == clean


@given(st.permutations(["a1/2", "a1/10", "a/²", "a/٣", "1", "a 1", "b"]))
def test_the_order_does_not_depend_on_how_the_files_came(paths):
    assert sorted(paths, key=names.order) == ["1", "a/٣", "a/²", "a1/2", "a1/10", "a 1", "b"]
