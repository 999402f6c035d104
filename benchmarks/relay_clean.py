"""One relay over a clean and short path, beside other programs that bring files from host to host.

One large file, and 20,000 small ones; over a cable between two network namespaces, and over loopback. Both ends share
the machine. A relay counts from the close of the package to its showing at the far end: verified and durable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figures import MIB
from benchmarks.longline import FAR, NEAR, Namespaces
from benchmarks.pair import Pair, noise
from benchmarks.peers import OPEN, Host, Peers
from posthouse.cli.local import HOST

SIZE = int(os.environ.get("POSTHOUSE_BENCHMARK_MIB", "4096")) * MIB
FILES = int(os.environ.get("POSTHOUSE_BENCHMARK_FILES", "20000"))
RUNS = int(os.environ.get("POSTHOUSE_BENCHMARK_RUNS", "3"))
# What to measure, where not all of it is wanted: "cable", "loopback", "large", "small", "alone" (no others beside).
WANTED = set(os.environ.get("POSTHOUSE_BENCHMARK_ROWS", "cable,loopback,large,small").split(","))
FILE_BYTES = 10_000
LARGE_GOAL, SMALL_GOAL = 1.0, 5.0


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when others are too fast."""
    low: list[str] = []
    for way in ("loopback", "cable"):
        if way in WANTED:
            with ExitStack() as stack:
                pair = _pair(folder / way, way, stack)
                peers = stack.enter_context(_peers(folder / way, pair))
                for line, reached in _lines(folder, way, pair, peers):
                    yield line
                    low += [] if reached else [line]
    if low:
        raise RuntimeError(f"too slow: {'; '.join(low)}")


def _lines(folder: Path, way: str, pair: Pair, peers: Peers) -> Iterator[tuple[str, bool]]:
    if "large" in WANTED:
        source = noise(folder / f"{way}.bin", SIZE)
        others: dict[str, Callable[[], float]] = {
            name: partial(peers.bring, command, source) for name, command in peers.one_file().items()
        }
        yield _compare(f"relay-clean {way}, one file of {SIZE // MIB} MiB", pair, {source.name: source}, others)
        source.unlink()
    if "small" in WANTED:
        many = folder / f"{way}-many"
        many.mkdir()
        files = {f"{number}.bin": noise(many / f"{number}.bin", FILE_BYTES) for number in range(FILES)}
        rsync = {"rsync over ssh": lambda: peers.rsync_folder(many)}
        yield _compare(f"relay-clean {way}, {FILES} files of 10 kB", pair, files, rsync, SMALL_GOAL)


def _compare(
    name: str,
    pair: Pair,
    files: Mapping[str, Path],
    others: Mapping[str, Callable[[], float]],
    goal: float = LARGE_GOAL,
) -> tuple[str, bool]:
    size = sum(path.stat().st_size for path in files.values())
    ours: list[float] = []
    theirs: dict[str, list[float]] = {other: [] for other in others if "alone" not in WANTED}
    for _ in range(RUNS):
        for other in theirs:
            theirs[other].append(others[other]())
        ours.append(pair.relay(dict(files)))
        if len(files) == 1:
            pair.empty()  # many files stay: ext4 is slow to make new ones while it remembers those just removed
    mine = median(ours)
    told = f"{name}: {_rate(size, ours)}"
    if not theirs:
        return told, True
    best = min(median(seconds) for other, seconds in theirs.items() if other != OPEN)
    beside = ", ".join(f"{other} {_rate(size, seconds)}" for other, seconds in theirs.items())
    told += f", {best / mine:.2f} times the best of those that encrypt: {beside} (median of {RUNS}, min-max)"
    return told, best / mine >= goal


def _rate(size: int, seconds: list[float]) -> str:
    rates = [size / 1e6 / one for one in seconds]
    return f"{size / 1e6 / median(seconds):.0f} MB/s ({min(rates):.0f}-{max(rates):.0f}), {median(seconds):.1f} s"


def _pair(folder: Path, way: str, stack: ExitStack) -> Pair:
    folder.mkdir()
    if way == "loopback":
        return stack.enter_context(Pair(folder, None))
    return stack.enter_context(Pair(folder, stack.enter_context(Namespaces(folder, line=None))))


def _peers(folder: Path, pair: Pair) -> Peers:
    on_loopback = pair.near.host == HOST
    hosts = [
        Host(HOST if on_loopback else address, end.within, end.certificate, end.certificate.with_suffix(".key"))
        for end, address in ((pair.near, NEAR), (pair.far, FAR))
    ]
    return Peers(folder, *hosts)
