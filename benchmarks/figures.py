"""Runs of two sides in turns, and the line that tells the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

MIB = 1024 * 1024
RUNS = 5


def compare(name: str, size: int, ours: Callable[[], float], theirs: Callable[[], float], their_name: str) -> str:
    """Run both sides in turns, which share whatever else the machine does, and return the line of the outcome.

    Each run returns its seconds for `size` bytes. The first of each is a rehearsal.
    """
    ours(), theirs()
    mine, others = [], []
    for turn in range(RUNS):
        sides = [(ours, mine), (theirs, others)]
        for run, seconds in sides if turn % 2 else reversed(sides):
            seconds.append(run())
    ratio = median(others) / median(mine)
    return (
        f"{name}: ratio {ratio:.2f} (posthouse {_rates(size, mine)}, {their_name} {_rates(size, others)}; "
        f"{size // MIB} MiB, median of {RUNS}, min-max)"
    )


def _rates(size: int, seconds: Iterable[float]) -> str:
    rates = sorted(size / 1e6 / second for second in seconds)
    return f"{median(rates):.0f} MB/s, {rates[0]:.0f}-{rates[-1]:.0f}"
