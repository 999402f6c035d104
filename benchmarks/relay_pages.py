"""How long pages take at both ends while a relay without a limit uses all that the machine has.

The pages are asked for one after another, with a pause between, as people do: Received for Bob at the far end, Sent for
Alice at the near one. Both servers and the relay between them share the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import MIB
from benchmarks.pair import Pair, noise
from benchmarks.servers import PASSWORD
from posthouse.cli.client import Client

SIZE = int(os.environ.get("POSTHOUSE_BENCHMARK_MIB", "4096")) * MIB
PAUSE_SECONDS = 0.05
IDLE_LOOKS = 40
GOAL_SECONDS = 0.5


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when one page in twenty takes too long."""
    slow = []
    with Pair(folder, None) as pair:
        bob = pair.far.client()
        bob.log_in("bob", PASSWORD)
        pages = {
            "Sent at the sender": (pair.alice, "packages/sent"),
            "Received at the receiver": (bob, "packages/received"),
        }
        idle = {name: sorted(_look(*page) for _ in range(IDLE_LOOKS)) for name, page in pages.items()}
        source = noise(folder / "source.bin", SIZE)
        package = pair.send({source.name: source})
        busy: dict[str, list[float]] = {name: [] for name in pages}
        while not pair.ended(package):
            for name, page in pages.items():
                busy[name].append(_look(*page))
        seconds = pair.outcome(package).seconds
    for name in pages:
        found = sorted(busy[name])
        yield (
            f"relay-pages {name}: {_told(found)} during a relay at {SIZE / seconds / 1e6:.0f} MB/s, "
            f"{_told(idle[name])} without ({len(found)} looks)"
        )
        if _of(found, 0.95) > GOAL_SECONDS:
            slow.append(name)
    if slow:
        raise RuntimeError(f"too slow: {', '.join(slow)}")


def _look(client: Client, page: str) -> float:
    begin = time.perf_counter()
    answer = client.get(page)
    seconds = time.perf_counter() - begin
    if answer.status != 200:
        raise RuntimeError(f"{page}: {answer.status}")
    time.sleep(PAUSE_SECONDS)
    return seconds


def _told(seconds: list[float]) -> str:
    return f"{_of(seconds, 0.5) * 1000:.0f} ms (95 %: {_of(seconds, 0.95) * 1000:.0f} ms)"


def _of(seconds: list[float], share: float) -> float:
    return seconds[min(len(seconds) - 1, int(len(seconds) * share))]
