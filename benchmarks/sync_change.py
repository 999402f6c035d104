"""What a sync costs when one person has changed, and when nothing has, among 1,000 to 1,000,000 people.

Two real servers over HTTPS; the seconds are those from the start of a run to its end, the proof that both are equal
included. The first sync of each size is told too, with the most memory that all processes of either side took together
(without a PostgreSQL, which is measured by its own settings).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.master_and_slave import DATABASES, Pair

SIZES = [int(size) for size in os.environ.get("POSTHOUSE_BENCHMARK_SIZES", "1000 100000 1000000").split()]
TIMES = 15
LIMIT_MB = 300


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a server takes more than LIMIT_MB."""
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    for database in DATABASES:
        for size in SIZES:
            with Pair(folder / str(size), database, size) as pair:
                with pair.together() as sizes:
                    (first,) = pair.sync()
                    changed = [each["seconds"] * 1000 for each in pair.sync("automatic", TIMES, change=True)]
                    same = [each["seconds"] * 1000 for each in pair.sync("automatic", TIMES)]
                master, slave = (size.most for size in sizes)
            yield (
                f"sync-change: {database}, {size:,} people: one changed {median(changed):.0f} ms"
                f" ({min(changed):.0f}-{max(changed):.0f}), nothing changed {median(same):.0f} ms"
                f" ({min(same):.0f}-{max(same):.0f}); first sync {first['seconds']:.1f} s,"
                f" {first['bytes'] / 1e6:.1f} MB;"
                f" the master took {master} MB at most, the slave {slave} MB, all processes together"
            )
            if max(master, slave) > LIMIT_MB:
                raise RuntimeError(f"a server took {max(master, slave)} MB; {LIMIT_MB} MB are the limit")
