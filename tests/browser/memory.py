"""How much memory a browser takes, all its processes together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MB = 1_000_000


class Peak:
    """The most that was seen, in bytes."""

    before = 0
    most = 0

    @property
    def growth(self) -> int:
        """How much more that was than at the beginning."""
        return self.most - self.before


@contextmanager
def watched(mark: str) -> Iterator[Peak]:
    """Watch the browser whose command line has a mark, and its children, many times a second."""
    peak = Peak()
    peak.before = peak.most = taken(mark)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            peak.most = max(peak.most, taken(mark))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def taken(mark: str) -> int:
    """Return the bytes that such a browser has for itself: files that are mapped do not count."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            lines = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
        except OSError:
            continue  # it has ended
        pid = int(entry.name)
        parents[pid] = int(lines["PPid"])
        sizes[pid] = int(lines.get("RssAnon", "0 kB").split()[0]) * 1024
        if mark.encode() in command:
            found.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return sum(sizes[pid] for pid in found)
