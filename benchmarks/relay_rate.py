"""Whether relays keep the bandwidth that is set, and how soon after a change: 10, 100 and 1000 Mbit/s in one relay.

Measured at the network device of the sender, ten times a second, between two real servers over TLS. What counts is the
payload; names, TLS and TCP come on top, which are taken out as what a large frame of this device carries of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.longline import Namespaces
from benchmarks.pair import Pair, noise

RATES = (10, 100, 1000)
SECONDS = 25
WINDOW = 10.0
TICK = 0.1
LIMIT = 0.03
SETTLED_SECONDS = 2.0
# 22 bytes of TLS for each record of 16 KiB, and 66 of TCP, IP and the frame for each of up to 64 KiB.
PAYLOAD = 16384 / (16384 + 22) * 65536 / (65536 + 66)


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a rate is not kept."""
    size = int(sum(RATES) * 1e6 / 8 * SECONDS * 1.1)
    source = noise(folder / "source.bin", size)
    with Namespaces(folder, line=None) as namespaces, Pair(folder, namespaces) as pair:
        limit(pair, RATES[0])
        pair.send({source.name: source})
        time.sleep(3)  # until it has begun
        bad = []
        for mbit in RATES:
            limit(pair, mbit)
            points = watch()
            errors = [rate / mbit - 1 for rate in windows(points)]
            worst = max(errors, key=abs)
            yield (
                f"relay-rate {mbit} Mbit/s: {windows(points)[0]:.2f} Mbit/s, worst 10 s {worst:+.1%}, "
                f"within 10 % {settled(points, mbit):.1f} s after the change"
            )
            if abs(worst) > LIMIT or settled(points, mbit) > SETTLED_SECONDS:
                bad.append(mbit)
    if bad:
        raise RuntimeError(f"not kept: {bad} Mbit/s")


def limit(pair: Pair, mbit: float, *, cut_through: bool = False) -> None:
    """Set the bandwidth, and whether relays begin during the upload, as the page does."""
    database = next((pair.near.folder / "data").glob("*.sqlite3"))
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute(
            "INSERT INTO relays_relaylimits (id, bandwidth, other_bandwidth, marked, zone, cut_through)"
            " VALUES (1, ?, NULL, ?, 'UTC', ?)"
            " ON CONFLICT (id) DO UPDATE SET bandwidth = excluded.bandwidth, cut_through = excluded.cut_through",
            [mbit, "0" * 168, cut_through],
        )


def watch() -> list[tuple[float, float]]:
    """Return seconds since now, and Mbit of payload that were sent until then."""
    began, first = time.monotonic(), sent()
    points = []
    while (now := time.monotonic() - began) < SECONDS:
        points.append((now, (sent() - first) * 8e-6 * PAYLOAD))
        time.sleep(TICK)
    return points


def sent() -> int:
    """Return the bytes that the device of this namespace has sent."""
    line = next(line for line in Path("/proc/thread-self/net/dev").read_text().splitlines() if "far0:" in line)
    return int(line.split()[9])


def windows(points: list[tuple[float, float]]) -> list[float]:
    """Return the rate of each ten seconds, from when a change must have taken hold."""
    rates = []
    for at, mbit in points:
        if at >= SETTLED_SECONDS:
            end = next(((later, more) for later, more in points if later >= at + WINDOW), None)
            if end is None:
                break
            rates.append((end[1] - mbit) / (end[0] - at))
    return rates


def settled(points: list[tuple[float, float]], mbit: float) -> float:
    """Return after how many seconds the rate of half a second is right for the first time."""
    for at, done in points:
        end = next(((later, more) for later, more in points if later >= at + 0.5), None)
        if end and abs((end[1] - done) / (end[0] - at) / mbit - 1) < 0.1:
            return at
    return float("inf")
