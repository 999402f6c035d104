"""`python -m benchmarks [NAME…]` measures what is named; with no name, everything, and writes RESULTS.md."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

ALL = (
    "upload",
    "download",
    "memory",
    "queue",
    "search",
    "story",
    "relay-clean",
    "cut-through",
    "relay-memory",
    "relay-pages",
    "relay-line",
    "relay-rate",
    "rules",
    "homes",
    "directory",
    "completion",
    "sync-first",
    "sync-change",
)
HERE = Path(__file__).parent
# Not /tmp, which may be in memory: what is written shall meet a disk.
FOLDER = os.environ.get("POSTHOUSE_BENCHMARK_DIR")


def main(names: list[str]) -> int:
    """Measure and print; return the exit code."""
    unknown = set(names) - set(ALL)
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(ALL)}.")
        return 2
    lines: list[str] = []
    for name in names or ALL:
        with tempfile.TemporaryDirectory(prefix="posthouse-bench-", dir=FOLDER) as folder:
            module = import_module(f"benchmarks.{name.replace('-', '_')}")
            for line in module.run(Path(folder)):
                print(line, flush=True)
                lines.append(line)
    if not names:
        (HERE / "RESULTS.md").write_text(report(lines))
    return 0


def report(lines: list[str]) -> str:
    """Return the page of results."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return "\n".join(
        [
            "# Results",
            "",
            (
                f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip()}, {os.cpu_count()} cores, "
                f"{memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}."
            ),
            "Client and servers share the machine, over loopback. Ratios are what to look at: above 1 is faster than",
            "the other side. What each line measures is said at the top of its module.",
            "",
            *(f"- {line}" for line in lines),
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
