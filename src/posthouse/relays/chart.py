"""The rate of the last two minutes as a line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from posthouse.relays.rate import MBIT

SECONDS = 120
WIDTH, HEIGHT = 600, 120
NOW_SECONDS = 3
"""What is called the rate now is that of so many seconds."""


@dataclass(frozen=True)
class Chart:
    """Points of the line, the height of the limit, and the same in words."""

    points: str
    limit: float | None
    """Distance of the limit's line from the top; None: there is no limit, or it is far above."""
    now: float
    """Mbit/s."""
    top: float
    """Mbit/s at the upper edge."""


def draw(samples: Iterable[tuple[float, float]], allowed: float | None) -> Chart:
    """Return the chart of samples: seconds ago, and bytes per second of one worker for about a second.

    `allowed` is in bytes per second.
    """
    rates = by_second(samples)
    highest = max([*rates, allowed or 0, MBIT]) * 1.1
    step = WIDTH / (SECONDS - 1)
    points = " ".join(
        f"{index * step:.1f},{HEIGHT - rate / highest * HEIGHT:.1f}" for index, rate in enumerate(reversed(rates))
    )
    recent = rates[:NOW_SECONDS]
    limit = None if allowed is None else round(HEIGHT - allowed / highest * HEIGHT, 1)
    return Chart(points, limit, round(sum(recent) / len(recent) / MBIT, 1), round(highest / MBIT, 1))


def by_second(samples: Iterable[tuple[float, float]]) -> Sequence[float]:
    """Return the bytes per second of all workers together, the newest second first.

    A worker notes a little less often than each second: a second without a note has the rate of the one before.
    """
    found: list[float | None] = [None] * (SECONDS + 1)
    for ago, rate in samples:
        index = int(ago) - 1  # the second that is not over yet has no rate
        if 0 <= index <= SECONDS:
            found[index] = (found[index] or 0) + rate
    rates = []
    for index in range(SECONDS):
        here = found[index]
        rates.append((found[index + 1] or 0.0) if here is None else here)
    return rates
