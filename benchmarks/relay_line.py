"""One package over a long and lossy line, from the close of its upload to its showing at the far end.

The line is benchmarks/longline.c; both ends are real servers, over TLS, durable at the end. The package has the size
that the line carries in 60 seconds: 100 % would be a line that is full from the first moment on, headers not counted
(TCP alone takes 4.4 % for those, and what is lost has used the line too).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks import plot, streams
from benchmarks.longline import CLEAN, Line, Namespaces
from benchmarks.pair import Pair, noise

SECONDS = 60
GRID = (
    (Line(100, 10, 0.001), 0.85),
    (Line(100, 90, 0.01), 0.85),
    (Line(100, 150, 0.02), 0.85),
    (Line(100, 200, 0.02), 0.85),
    (Line(100, 300, 0.02), 0.70),
    (Line(100, 550, 0.05), 0.45),
    (Line(400, 100, 0.01), 0.85),
)
# Rows to measure, by their number from 0, where not all of them are wanted: "3,4".
ROWS = os.environ.get("POSTHOUSE_BENCHMARK_ROWS", "")


PEERS = {"cubic": 1, "cubic, 8 streams": 8}
PEER_SECONDS = 30.0
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "relay-line.svg"


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome; draw them when all of them were measured."""
    rows = [GRID[int(number)] for number in ROWS.split(",")] if ROWS else list(GRID)
    low: list[str] = []
    drawn: list[tuple[str, dict[str, float]]] = []
    with Namespaces(folder, line=CLEAN) as namespaces, Pair(folder, namespaces) as pair:
        for line, least in rows:
            size = int(line.mbit * 1e6 / 8 * SECONDS)
            source = noise(folder / "source.bin", size)
            namespaces.change(line)
            seconds = pair.relay({source.name: source})
            shares = {"Posthouse": size * 8 / seconds / line.mbit / 1e6}
            pair.empty()
            for name, count in PEERS.items():
                shares[name] = streams.share(namespaces, "cubic", count, PEER_SECONDS)
            told = ", ".join(f"{name} {share:.1%}" for name, share in list(shares.items())[1:])
            yield (
                f"relay-line {line}: {shares['Posthouse']:.1%} of the line ({seconds:.1f} s; {least:.0%} at least;"
                f" plain TCP over {PEER_SECONDS:.0f} s: {told})"
            )
            low += [str(line)] if shares["Posthouse"] < least else []
            drawn.append((str(line), shares))
    if not ROWS:
        PICTURE.write_text(plot.bars("Share of the line, the start included", drawn))
    if low:
        raise RuntimeError(f"too slow: {'; '.join(low)}")
