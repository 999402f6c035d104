"""A picture of who moves from where to where: ribbons between two columns of servers. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 640
LEFT, RIGHT = 170, 470
"""Where the ribbons begin and end, in the units of the picture."""
BAR, GAP, LEAST = 10, 14, 14
FULL = 200
"""Height of all ribbons together, when they are thick enough to be seen."""
MOST = 12
"""Ways that are drawn. The table beside the picture has all."""


@dataclass(frozen=True)
class Way:
    """So many people from one server to another."""

    source: str
    target: str
    count: int


@dataclass(frozen=True)
class Ribbon:
    """One way as a drawn line, in the middle of its thickness."""

    path: str
    thickness: float


@dataclass(frozen=True)
class Box:
    """One server in a column."""

    name: str
    count: int
    top: float
    height: float

    @property
    def middle(self) -> float:
        """Where its name stands."""
        return self.top + self.height / 2


@dataclass(frozen=True)
class Picture:
    """What is drawn."""

    height: float
    ribbons: list[Ribbon]
    sources: list[Box]
    targets: list[Box]
    width: int = WIDTH
    left: int = LEFT - BAR
    right: int = RIGHT


def draw(ways: Sequence[Way]) -> Picture:
    """Return the picture of the largest ways."""
    shown = sorted(ways, key=lambda way: -way.count)[:MOST]
    total = sum(way.count for way in shown)
    thickness = {way: max(LEAST, FULL * way.count / total) for way in shown}
    sources, starts = _column(shown, thickness, [way.source for way in shown])
    targets, ends = _column(shown, thickness, [way.target for way in shown])
    middle = (LEFT + RIGHT) / 2
    ribbons = [
        Ribbon(
            f"M{LEFT} {starts[way]:.1f}C{middle} {starts[way]:.1f} {middle} {ends[way]:.1f} {RIGHT} {ends[way]:.1f}",
            round(thickness[way], 1),
        )
        for way in shown
    ]
    height = max(box.top + box.height for box in (*sources, *targets))
    return Picture(height, ribbons, sources, targets)


def _column(
    ways: Sequence[Way], thickness: dict[Way, float], names: Sequence[str]
) -> tuple[list[Box], dict[Way, float]]:
    """Stack the servers of one side, and return also where each ribbon touches them."""
    boxes, touching, top = [], {}, 0.0
    for name in dict.fromkeys(names):
        start, count = top, 0
        for way, server in zip(ways, names, strict=True):
            if server == name:
                touching[way] = top + thickness[way] / 2
                top += thickness[way]
                count += way.count
        boxes.append(Box(name, count, start, top - start))
        top += GAP
    return boxes, touching
