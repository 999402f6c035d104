"""The clocks of a test's process and of the far server, which a test moves on as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine

from tests.cluster.far import Far

_travels: list[time_machine.travel] = []


def set_here(timestamp: float | None) -> None:
    """Have the clock of this process go on from there; None: it is right again."""
    while _travels:
        _travels.pop().stop()
    if timestamp is not None:
        _travels.append(time_machine.travel(datetime.fromtimestamp(timestamp, UTC)))
        _travels[-1].start()


class Clocks:
    """The clocks of both servers, which always agree."""

    def __init__(self, far: Far) -> None:
        self.far = far

    def move(self, seconds: float) -> None:
        """Move both on."""
        self._set((datetime.now(UTC) + timedelta(seconds=seconds)).timestamp())

    def right(self) -> None:
        """Have both be right again."""
        self._set(None)

    def _set(self, timestamp: float | None) -> None:
        set_here(timestamp)
        self.far.run(f"from tests.sync import clocks\nclocks.set_here({timestamp})")


@contextmanager
def moved(far: Far) -> Iterator[Clocks]:
    """Return the clocks, and set them right afterwards."""
    clocks = Clocks(far)
    try:
        yield clocks
    finally:
        clocks.right()
