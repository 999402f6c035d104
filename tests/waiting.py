"""Waiting for what happens elsewhere: in another thread or another process."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 20.0, pause: float = 0.02) -> None:
    """Wait until `condition()` is true. Raises AssertionError when it is not so in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(pause)
