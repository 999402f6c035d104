"""The rate of the last two minutes as a line, and what was allowed as another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from posthouse.relays.rate import MBIT

SECONDS = 120
WIDTH, HEIGHT = 600, 120
NOW_SECONDS = 3
"""What is called the rate now is that of so many seconds."""


class Sample(NamedTuple):
    """What one worker noted of about a second."""

    ago: float
    """Seconds."""
    sent: float
    """Bytes per second."""
    allowed: float | None
    """Bytes per second that all together might send then; None: no limit."""


@dataclass(frozen=True)
class Chart:
    """Points of both lines, and the same in words."""

    points: str
    limit: str
    """Above the picture where there was no limit; "": there was none at all."""
    now: float
    """Mbit/s."""
    top: float
    """Mbit/s at the upper edge."""


def draw(samples: Iterable[Sample], allowed: float | None) -> Chart:
    """Return the chart of samples; `allowed`, in bytes per second, is what may be sent now."""
    samples = list(samples)
    rates = by_second((sample.ago, sample.sent) for sample in samples)
    limits = _limits(samples, allowed)
    highest = max([*rates, *(limit or 0 for limit in limits), MBIT]) * 1.1
    recent = rates[:NOW_SECONDS]
    return Chart(
        _line(rates, highest),
        _line([2 * highest if limit is None else limit for limit in limits], highest) if any(limits) else "",
        round(sum(recent) / len(recent) / MBIT, 1),
        round(highest / MBIT, 1),
    )


def _line(values: Sequence[float], highest: float) -> str:
    """Return the points of a line through values per second, the newest first."""
    step = WIDTH / (SECONDS - 1)
    return " ".join(
        f"{index * step:.1f},{HEIGHT - value / highest * HEIGHT:.1f}" for index, value in enumerate(reversed(values))
    )


def _limits(samples: Iterable[Sample], allowed: float | None) -> Sequence[float | None]:
    """Return what was allowed, the newest second first: while nothing was noted, the same as later."""
    known = {int(sample.ago) - 1: sample.allowed for sample in samples}
    found = []
    for index in range(SECONDS):
        allowed = known.get(index, allowed)
        found.append(allowed)
    return found


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
