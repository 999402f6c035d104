"""As many streams as help and no more. Pure: it is told what was delivered, and says how many there shall be.

One stream more is worth its cost only where the line gives it something: on a long and lossy one, where each stream
waits for what was lost, or where one stream's window is smaller than what the line holds.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST = 32
NEAR_SECONDS, NEAR_FIRST_SECONDS = 0.002, 0.15
"""A line with a shorter round trip is at its full rate at once."""
START = ((NEAR_SECONDS, 16), (0.12, 8), (0.25, 12), (float("inf"), 24))
"""Streams to begin with, by the round trip in seconds: each needs many round trips to get up to speed.

On a near line it is the far side that wants several: its kernel deals them out to its processes by lot, and of a few
most might go to one.
"""
FEWEST = min(streams for _, streams in START)
"""Streams to begin with in any case, before the round trip is known."""
GAIN = 1.12
"""What more streams must bring to be kept: the rate of a lossy line is never quite the same for two moments."""
QUEUED = 1.25
"""A round trip that takes so many times the shortest one has waited in a queue."""
SETTLED = 1.15
"""While the rate grows by more than this from look to look, it grows by itself, and nothing is tried."""
PATIENCE_SECONDS = 20.0
"""How long a trial that brought nothing is not made again; doubled each time, up to MOST_PATIENCE_SECONDS."""
MOST_PATIENCE_SECONDS = 320.0


@dataclass(frozen=True, slots=True)
class Change:
    """How many streams there shall be, and why, in words for the log."""

    streams: int
    because: str


def interval(trip: float) -> float:
    """Return the seconds between two looks, for a round trip in seconds: BBR looks for more each eight of them."""
    return max(3.0, 12 * trip)


def first_look(trip: float) -> float:
    """Return the seconds after which a first rate is worth something: on a near line, calls can soon be larger."""
    return NEAR_FIRST_SECONDS if trip < NEAR_SECONDS else interval(trip) / 3


def start(trip: float) -> int:
    """Return with how many streams to begin, for a round trip in seconds."""
    return next(streams for bound, streams in START if trip < bound)


class Adapter:
    """Decides how many streams go to one server."""

    def __init__(self, trip: float) -> None:
        """`trip` is the round trip in seconds."""
        self.streams = start(trip)
        self.near = trip < NEAR_SECONDS
        """Whether the line is so short that nothing is to be gained by more streams, nor by small calls."""
        self._before: tuple[int, float] | None = None
        """What there was before the trial that runs: streams, bytes per second."""
        self._last = 0.0
        self._next_trial = 0.0
        self._patience = PATIENCE_SECONDS

    def observe(self, now: float, rate: float, *, held_back: bool, queued: bool = False) -> Change | None:
        """Take what was delivered per second since the last look, and return a change, if there shall be one.

        `held_back` says that the line was not what limited it: the bandwidth that was set was, or there was too little
        to send. Nothing can be learned from such a time. `queued` says that what is sent waits in front of the line,
        which is full then: more streams would only have more wait, and lose more.
        """
        last, self._last = self._last, rate
        if self.near:
            return None  # what differs from look to look there is how busy the two machines are
        if held_back:
            return self._give_up_trial(now, "the line is not what limits it") if self._before else None
        if self._before is None:
            due = now >= self._next_trial and not queued
            return self._try_more(rate) if due and rate < last * SETTLED else None
        streams, before = self._before
        if rate >= before * GAIN:
            self._before = None
            self._patience = PATIENCE_SECONDS
            return None if queued else self._try_more(rate)
        return self._give_up_trial(now, f"{self.streams} brought {_mbit(rate)}, {streams} had brought {_mbit(before)}")

    def pause(self) -> None:
        """Forget the trial that runs, and the last rate: nothing was sent for a while."""
        if self._before is not None:
            self.streams, self._before = self._before[0], None
        self._last = 0.0

    def _try_more(self, rate: float) -> Change | None:
        more = min(MOST, self.streams + max(2, self.streams // 2))
        if more == self.streams:
            return None
        self._before = (self.streams, rate)
        because = f"{self.streams} bring {_mbit(rate)}; more may bring more"
        self.streams = more
        return Change(more, because)

    def _give_up_trial(self, now: float, because: str) -> Change:
        assert self._before is not None  # noqa: S101 - only called with a trial under way
        self.streams = self._before[0]
        self._before = None
        self._next_trial = now + self._patience
        self._patience = min(2 * self._patience, MOST_PATIENCE_SECONDS)
        return Change(self.streams, because)


def _mbit(rate: float) -> str:
    return f"{rate * 8 / 1e6:.1f} Mbit/s"
