"""Where streams wait until they may send, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from posthouse.cluster.errors import CallError
from posthouse.relays.rate import Bucket

LEAST_STEP, LIMITED_STEP = 4 * 1024, 64 * 1024
STEP_SECONDS = 0.05
FREE_STEP = 256 * 1024
SHORT_SECONDS = 0.001
"""A wait as short as this is not worth a sleep: it is taken out of the burst."""
LOOK_SECONDS = 0.1


class Paused(CallError):
    """Nothing may be sent now."""


class Valve:
    """A bucket for several threads, which go through it one after another; and a count of what went through."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.passed = 0
        """Bytes, from the beginning."""
        self._bucket = Bucket(None)
        self._turn = Lock()
        self._state = Lock()
        self._clock, self._sleep = clock, sleep

    @property
    def step(self) -> int:
        """How many bytes are taken at a time: few where the rate is low, for it shall hold over short times too."""
        rate = self._bucket.rate
        return FREE_STEP if rate is None else max(LEAST_STEP, min(int(rate * STEP_SECONDS), LIMITED_STEP))

    @property
    def rate(self) -> float | None:
        """The rate that is set, in bytes per second; None for none."""
        return self._bucket.rate

    def set(self, rate: float | None) -> None:
        """Change the rate, at once: whoever waits goes on waiting by the new one."""
        with self._state:
            if rate != self._bucket.rate:
                self._bucket.set(rate, self._clock())

    def take(self, size: int) -> None:
        """Wait until so many bytes may be sent. Raises Paused when nothing may be sent at all."""
        if self._try(size):
            return
        with self._turn:
            while not self._try(size):
                with self._state:
                    wait = self._bucket.wait(self._clock())
                if wait == float("inf"):
                    raise Paused("Relays pause at this hour, by the calendar of this server. They go on by themselves.")
                self._sleep(min(wait, LOOK_SECONDS))

    def _try(self, size: int) -> bool:
        with self._state:
            now = self._clock()
            if self._bucket.wait(now) > SHORT_SECONDS:
                return False
            self._bucket.take(now, size)
            self.passed += size
            return True


class Valves:
    """Several valves, one behind the other. A Gate (posthouse.cluster.streams)."""

    def __init__(self, *valves: Valve) -> None:
        """The narrowest first: whoever waits there holds up nobody at the wide ones."""
        self._valves = valves

    @property
    def step(self) -> int:
        """Return how many bytes are taken at a time."""
        return min(valve.step for valve in self._valves)

    @property
    def rate(self) -> float | None:
        """The least rate that is set, in bytes per second; None for none."""
        return min((valve.rate for valve in self._valves if valve.rate is not None), default=None)

    def __call__(self, size: int) -> None:
        """Wait until so many bytes may be sent. Raises Paused."""
        for valve in self._valves:
            valve.take(size)
