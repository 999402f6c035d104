"""Which licence holds, and what follows from it. Pure: the time is an argument, and nothing is remembered.

A clock that jumps makes a licence begin late or end early, and all is as before once the clock is right again: nothing
is written down at a wrong time that would outlast it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from posthouse.licensing.tokens import Terms

LEEWAY = timedelta(days=1)
"""How much longer a licence holds, at both ends: for clocks that differ, and for time zones."""
WARNING = timedelta(days=30)
WHERE = "Server > Configuration > Licence"


class State(StrEnum):
    """How this server stands."""

    UNLICENSED = "unlicensed"
    """The settings name no issuer: everything is on."""
    NONE = "none"
    """There is no licence that can be used."""
    EARLY = "early"
    VALID = "valid"
    ENDED = "ended"


@dataclass(frozen=True)
class Standing:
    """What this server may do."""

    state: State
    terms: Terms | None = None
    """The licence that holds; when none does, the one that comes nearest to it."""
    problem: str = ""
    """Why no licence can be used."""
    successor: Terms | None = None
    """A licence that goes on when the one that holds has ended."""

    @property
    def multi_server(self) -> bool:
        """Whether it may be part of a cluster (R1)."""
        if self.state is State.UNLICENSED:
            return True
        return self.state is State.VALID and self.terms is not None and self.terms.multi_server

    @property
    def seats(self) -> int | None:
        """How many users may be logged in at the same time (R7); None: as many as there are.

        When a licence has ended, people go on with its seats: they came to fetch packages.
        """
        if self.state is State.UNLICENSED:
            return None
        return self.terms.seats if self.terms is not None else 0

    def ends_soon(self, now: datetime) -> bool:
        """Whether the licence ends within the next days, and nothing comes after it."""
        if self.state is not State.VALID or self.terms is None or self.successor is not None:
            return False
        return self.terms.ends - now <= WARNING


UNLICENSED = Standing(State.UNLICENSED)


def judge(found: Sequence[Terms], problem: str, server: UUID, now: datetime) -> Standing:
    """Return how a server stands with the licences that were found, in the order in which they were installed.

    `problem` is what was wrong with other ones.
    """
    ours = [terms for terms in found if terms.server in {None, server}]
    valid = [terms for terms in ours if terms.begins - LEEWAY <= now < terms.ends + LEEWAY]
    if valid:
        # The newest one counts: it was issued because something has changed. Of equal ones the last one found.
        best = max(reversed(valid), key=lambda terms: (terms.issued, terms.ends))
        later = [terms for terms in ours if terms.ends > best.ends and terms.begins <= best.ends + LEEWAY]
        return Standing(State.VALID, best, successor=max(later, key=lambda terms: terms.ends, default=None))
    ended = [terms for terms in ours if terms.ends + LEEWAY <= now]
    if ended:
        return Standing(State.ENDED, max(ended, key=lambda terms: terms.ends))
    if ours:
        return Standing(State.EARLY, min(ours, key=lambda terms: terms.begins))
    if found:
        problem = f"Licence {found[-1].serial} is for another server."
    return Standing(State.NONE, problem=problem)


def lacking(standing: Standing, name: str) -> str:
    """Return why a server may not be part of a cluster and what to do, in sentences; empty when it may."""
    if standing.multi_server:
        return ""
    return f"{shortcoming(standing, name)} Install one that has it at {WHERE} of {name}."


def shortcoming(standing: Standing, name: str) -> str:
    """Return what is missing from a server's licence for it to be part of a cluster, in one or two sentences."""
    terms = standing.terms
    if terms is None:
        more = f" {standing.problem}" if standing.problem else ""
        return f"{name} has no licence, and multi-server needs one with the multi-server entitlement.{more}"
    if standing.state is State.EARLY:
        return f"The licence of {name} ({terms.serial}) begins on {day(terms.begins)} only. Is its clock right?"
    if standing.state is State.ENDED:
        return f"The licence of {name} ({terms.serial}) has ended on {last_day(terms)}; multi-server needs a valid one."
    return f"The licence of {name} ({terms.serial}) has no multi-server entitlement."


def day(moment: datetime) -> str:
    """Return a day in words."""
    return f"{moment.day} {moment:%B %Y}"


def last_day(terms: Terms) -> str:
    """Return the last day of a licence in words: one that ends at midnight ends on the day before."""
    return day(terms.ends - timedelta(seconds=1))
