"""Which licence holds, by the clock of this moment alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from posthouse.licensing.judging import UNLICENSED, State, judge, lacking
from tests.licensing.test_tokens import TERMS

SERVER = UUID(int=7)
MIDDLE = TERMS.begins + timedelta(days=100)


def test_without_an_issuer_everything_is_on() -> None:
    assert UNLICENSED.multi_server
    assert UNLICENSED.seats is None
    assert lacking(UNLICENSED, "paris") == ""


def test_a_valid_licence_allows_what_it_says() -> None:
    standing = judge([TERMS], "", SERVER, MIDDLE)
    assert (standing.state, standing.seats, standing.multi_server) == (State.VALID, 25, True)
    assert judge([replace(TERMS, seats=None)], "", SERVER, MIDDLE).seats is None


@pytest.mark.parametrize(
    ("since_begin", "state"),
    [
        (timedelta(days=-2), State.EARLY),  # the clock was set far back
        (timedelta(hours=-23), State.VALID),  # a day of grace for time zones
        (timedelta(days=365, hours=23), State.VALID),
        (timedelta(days=366, seconds=1), State.ENDED),
        (timedelta(days=20_000), State.ENDED),
    ],
)
def test_a_licence_holds_from_its_beginning_to_its_end_with_a_day_of_grace(
    since_begin: timedelta, state: State
) -> None:
    assert judge([TERMS], "", SERVER, TERMS.begins + since_begin).state is state


def test_a_clock_that_jumps_and_comes_back_leaves_no_trace() -> None:
    before = judge([TERMS], "", SERVER, MIDDLE)
    assert judge([TERMS], "", SERVER, MIDDLE + timedelta(days=9000)).state is State.ENDED
    assert judge([TERMS], "", SERVER, MIDDLE) == before


def test_when_it_has_ended_multi_server_ends_and_people_go_on() -> None:
    standing = judge([TERMS], "", SERVER, TERMS.ends + timedelta(days=40))
    assert not standing.multi_server
    assert standing.seats == 25
    said = lacking(standing, "paris")
    assert "has ended on 31 December 2026" in said
    assert "Server > Configuration > Licence of paris" in said


def test_a_licence_without_the_entitlement_is_for_one_server() -> None:
    standing = judge([replace(TERMS, multi_server=False)], "", SERVER, MIDDLE)
    assert standing.state is State.VALID
    assert "has no multi-server entitlement" in lacking(standing, "paris")


def test_a_licence_of_another_server_is_none() -> None:
    standing = judge([TERMS], "", UUID(int=8), MIDDLE)
    assert (standing.state, standing.seats) == (State.NONE, 0)
    assert "is for another server" in lacking(standing, "tokyo")
    assert judge([replace(TERMS, server=None)], "", UUID(int=8), MIDDLE).state is State.VALID


def test_of_several_valid_ones_the_newest_counts() -> None:
    smaller = replace(TERMS, serial="b", seats=5, issued=TERMS.issued + timedelta(days=30))
    assert judge([smaller, TERMS], "", SERVER, MIDDLE).seats == 5
    assert judge([TERMS, smaller], "", SERVER, MIDDLE).seats == 5


def test_a_successor_that_was_installed_early_waits_and_takes_over() -> None:
    nxt = replace(TERMS, serial="next", begins=TERMS.ends, ends=TERMS.ends + timedelta(days=365), seats=50)
    before = judge([TERMS, nxt], "", SERVER, TERMS.ends - timedelta(days=10))
    assert before.terms == TERMS
    assert before.successor == nxt
    assert not before.ends_soon(TERMS.ends - timedelta(days=10))
    after = judge([TERMS, nxt], "", SERVER, TERMS.ends + timedelta(days=10))
    assert (after.terms, after.seats) == (nxt, 50)


def test_it_warns_thirty_days_before_the_end() -> None:
    def warns(days: float) -> bool:
        moment = TERMS.ends - timedelta(days=days)
        return judge([TERMS], "", SERVER, moment).ends_soon(moment)

    assert [warns(days) for days in (31, 30, 1, -2)] == [False, True, True, False]
