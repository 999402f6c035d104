"""The first sync of 100,000 people who are in five of a thousand groups each, beside OpenLDAP's syncrepl.

Ours: two real servers over HTTPS, from the start of the run to its end, the proof that both are equal included; every
batch is on the slave's disk before it is confirmed. Theirs: from the start of an empty slapd to the moment when it has
the provider's state (contextCSN), over TLS; once as it comes, every entry on the disk (mdb), and once with `dbnosync`,
which leaves that to the kernel. All in turns on the same disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.master_and_slave import DATABASES, Pair
from benchmarks.slapd import Slapd

PEOPLE = int(os.environ.get("POSTHOUSE_BENCHMARK_PEOPLE", "100000"))
RUNS = int(os.environ.get("POSTHOUSE_BENCHMARK_RUNS", "3"))
EACH, GROUPS = 5, 1000
GOALS = {"PostgreSQL": 10, "SQLite": 5}


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a copy is not complete."""
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    ours: dict[str, list[float]] = {database: [] for database in DATABASES}
    theirs: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(RUNS):
        for database in DATABASES:
            place = folder / str(turn)
            with Pair(place, database, PEOPLE, EACH, GROUPS) as pair:
                (done,) = pair.sync()
            if done["sent"] < PEOPLE:
                raise RuntimeError(f"only {done['sent']} rows were sent")
            ours[database].append(done["seconds"])
            yield f"sync-first: {database} {done['seconds']:.1f} s, {done['bytes'] / 1e6:.0f} MB on the line"
        with ExitStack() as stack:
            slapd = stack.enter_context(Slapd(folder / str(turn), PEOPLE, EACH, GROUPS))
            theirs[False].append(slapd.refresh(durable=False))
            yield f"sync-first: slapd with dbnosync {theirs[False][-1]:.1f} s"
            if not turn:  # it takes so long that once is enough
                theirs[True].append(slapd.refresh(durable=True))
                yield f"sync-first: slapd {theirs[True][-1]:.1f} s"
    for database, seconds in ours.items():
        ratios = {durable: median(others) / median(seconds) for durable, others in theirs.items()}
        yield (
            f"sync-first: {database}: ratio {ratios[True]:.1f} (posthouse {_told(seconds)}, "
            f"slapd {_told(theirs[True])};"
            f" {PEOPLE:,} people in {EACH} groups each, median of {RUNS}, min-max; both on the disk;"
            f" goal {GOALS[database]})"
            f"; {ratios[False]:.1f} when slapd need not wait for the disk ({_told(theirs[False])})"
        )


def _told(seconds: list[float]) -> str:
    return f"{median(seconds):.1f} s, {min(seconds):.1f}-{max(seconds):.1f}"
