"""Sizes, speeds and times read as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from posthouse.web import units

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, units.NOTHING),
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),  # two digits after the point would make it 10.00
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),  # never "1000 kB"
        (123_456_789, "123 MB"),
        (5_000_000_000_000, "5.00 TB"),
        (9_223_372_036_854_775_807, "9.22 EB"),
        (10**22, "10000 EB"),  # past the last unit the number grows
    ],
)
def test_sizes_have_three_digits_and_steps_of_a_thousand(count: int | None, words: str) -> None:
    assert units.size(count) == words


def test_a_speed_is_a_size_each_second() -> None:
    assert units.rate(12_345_678) == "12.3 MB/s"
    assert units.rate(None) == units.NOTHING


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (None, units.NOTHING),
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (7_530, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_a_duration_shows_its_two_largest_units(length: timedelta | float | None, words: str) -> None:
    assert units.duration(length) == words


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(days=13), "1 week ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(seconds=-30), "in a moment"),
        (timedelta(days=-2), "in 2 days"),
        (timedelta(milliseconds=-300), "just now"),  # clocks of two servers differ a little
    ],
)
def test_a_moment_is_told_by_its_distance_from_now(before: timedelta, words: str) -> None:
    assert units.ago(NOON - before, NOON) == words
