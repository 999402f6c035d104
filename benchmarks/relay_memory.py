"""The most memory that each process of two servers takes while a package is uploaded to one and relayed to the other.

What was before is not counted: a log-in takes 100 MB for a moment, because Argon2 is meant to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks import memory
from benchmarks.figures import MIB
from benchmarks.pair import Pair, noise
from posthouse.cli.local import LocalServer

SIZE = int(os.environ.get("POSTHOUSE_BENCHMARK_MIB", "4096")) * MIB
FILES = int(os.environ.get("POSTHOUSE_BENCHMARK_FILES", "20000"))
FILE_BYTES = 10_000
LIMIT_MB = 200


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a process takes more than LIMIT_MB."""
    most = 0
    with Pair(folder, None) as pair:
        many = folder / "many"
        many.mkdir()
        packages = {
            f"one file of {SIZE // MIB} MiB": {"film": noise(folder / "source.bin", SIZE)},
            f"{FILES} files of 10 kB": {f"{number}": noise(many / str(number), FILE_BYTES) for number in range(FILES)},
        }
        for name, files in packages.items():
            for server in (pair.near, pair.far):
                for pid in _pids(server):
                    Path(f"/proc/{pid}/clear_refs").write_text("5")
            pair.relay(files)
            near, far = (max(map(memory.peak, _pids(server))) for server in (pair.near, pair.far))
            yield f"relay-memory {name}: {near} MB at most in a process of the sender, {far} MB of the receiver"
            most = max(most, near, far)
            pair.empty()
    if most > LIMIT_MB:
        raise RuntimeError(f"a process took {most} MB; {LIMIT_MB} MB are the limit")


def _pids(server: LocalServer) -> list[int]:
    return memory.family(server.process.pid) if server.process else []
