"""From the first byte of an upload to the showing at the far end, when the relay begins while the upload is running.

Upload and relay are both held to 40 MB/s. Beside it: each of the two alone, the slower of which is the bound.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import MIB
from benchmarks.pair import Pair, noise
from benchmarks.relay_rate import limit
from posthouse.cli.sources import Plain
from posthouse.cli.uploads import Upload

SIZE = int(os.environ.get("POSTHOUSE_BENCHMARK_MIB", "1024")) * MIB
RATE = 40e6
GOAL = 1.15


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when it takes too long."""
    with Pair(folder, None) as pair:
        took: dict[bool, tuple[float, float]] = {}
        for early in (False, True):
            limit(pair, RATE * 8 / 1e6, cut_through=early)
            time.sleep(2)  # until all processes know it
            source = noise(folder / f"{early}.bin", SIZE)
            took[early] = _send(pair, source)
            source.unlink()
            pair.empty()
    (upload, whole), (_, early_whole) = took[False], took[True]
    slower = max(upload, whole - upload)
    ratio = early_whole / slower
    yield (
        f"cut-through: {early_whole:.1f} s from the first byte of the upload to the showing at the far end, "
        f"{ratio:.2f} times the slower of upload ({upload:.1f} s) and relay ({whole - upload:.1f} s) alone; "
        f"one after the other {whole:.1f} s ({SIZE // MIB} MiB, both at {RATE / 1e6:.0f} MB/s)"
    )
    if ratio > GOAL:
        raise RuntimeError(f"{ratio:.2f} times the slower of the two; {GOAL} is the limit")


def _send(pair: Pair, source: Path) -> tuple[float, float]:
    """Upload a package at RATE; return the seconds of the upload, and those until it is at the far end."""
    draft = pair.alice.new_package("Bench", ["bob"], {source.name: source})
    begin = time.time()
    Upload(pair.alice, draft.right, draft.uploads, draft.files[0]["id"], _Paced(source), 60).run()
    uploaded = time.time() - begin
    outcome = pair.outcome(draft.id)
    if outcome.state != "done":
        raise RuntimeError(f"the relay failed: {outcome.error}")
    return uploaded, outcome.ended - begin


class _Paced(Plain):
    """A file that is read at RATE."""

    def pieces(self, offset: int) -> Iterator[bytes]:
        begin, sent = time.monotonic(), 0
        for piece in super().pieces(offset):
            time.sleep(max(0.0, begin + sent / RATE - time.monotonic()))
            yield piece
            sent += len(piece)
