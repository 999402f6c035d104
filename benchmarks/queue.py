"""Picking the next relay, with 100 to 100,000 of them queued, on SQLite and on PostgreSQL.

A tenth of them waits for a server that can be used, from 50 senders in three size classes; the others wait for servers
that cannot be reached, some of them to be tried again. What is measured is what a worker does to get its next relay:
look at the links, choose, and claim, durable at the end. After each claim the relay is put back.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

LENGTHS = (100, 1_000, 10_000, 100_000)
PICKS = 300
PEOPLE = 50
SERVERS = 10
BATCH = 2000


def run(folder: Path) -> Iterator[str]:
    """Measure on both engines, and yield the lines of the outcome."""
    here = [sys.executable, "-m", "benchmarks.queue"]
    yield from _lines(here, folder / "sqlite", {})
    in_cluster = 'createdb posthouse && POSTHOUSE_DATABASE_URL=postgresql:///posthouse exec "$@"'
    yield from _lines(["pg_virtualenv", "-t", "sh", "-c", in_cluster, "sh", *here], folder / "postgresql", {})


def _lines(command: list[str], folder: Path, more: dict[str, str]) -> Iterator[str]:
    folder.mkdir()
    environment = os.environ | more | {"POSTHOUSE_DATA_DIR": str(folder), "POSTHOUSE_LOG": "text"}
    environment["DJANGO_SETTINGS_MODULE"] = "posthouse.config.settings"
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    yield from (line for line in done.stdout.splitlines() if line.startswith("queue"))


def main() -> None:
    """Fill the queue of this environment step by step, and print the curve."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    dice = random.Random(1)
    medians = []
    there = 0
    for length in LENGTHS:
        fill(length - there, dice)
        there = length
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        seconds = [one_pick() for _ in range(PICKS)]
        medians.append(median(seconds))
        worst = sorted(seconds)[int(0.99 * PICKS)]
        print(
            f"queue {connection.vendor}: {length:,} relays queued, the next one claimed in"
            f" {medians[-1] * 1000:.2f} ms (99 % within {worst * 1000:.2f} ms; {PICKS} claims)"
        )
    print(
        f"queue {connection.vendor}: ratio {medians[-1] / medians[0]:.2f} from {LENGTHS[0]} to {LENGTHS[-1]:,} relays"
    )


def fill(count: int, dice: random.Random) -> None:
    """Add so many relays to the queue."""
    from django.utils import timezone

    from posthouse.accounts.models import User
    from posthouse.cluster.models import Server
    from posthouse.jobs.models import State
    from posthouse.packages.models import Package
    from posthouse.relays import turns
    from posthouse.relays.models import Link, Relay

    if not Server.objects.exists():
        here = Server.objects.create(name="paris", host="paris.example", is_self=True)
        for number in range(SERVERS):
            Server.objects.create(name=f"server{number}", host=f"server{number}.example")
        for number in range(PEOPLE):
            User.objects.create(login=f"user{number}", name="x", email=f"user{number}@example.com", home=here)
        later = timezone.now() + timedelta(hours=1)
        for number, server in enumerate(Server.objects.filter(is_self=False).order_by("name")):
            Link.objects.create(
                server=server, window=8, failures=0 if number == 0 else 4, next_try_at=None if number == 0 else later
            )
    here = Server.objects.get(is_self=True)
    others = list(Server.objects.filter(is_self=False).order_by("name"))
    people = list(User.objects.all())
    later = timezone.now() + timedelta(hours=1)
    for start in range(0, count, BATCH):
        packages = Package.objects.bulk_create(
            Package(title="x", sender=dice.choice(people), origin=here, size=int(10 ** dice.uniform(3, 12)))
            for _ in range(min(BATCH, count - start))
        )
        Relay.objects.bulk_create(
            Relay(
                package=package,
                destination=(destination := others[number % SERVERS]),
                sender_id=package.sender_id,
                size=package.size,
                size_class=turns.size_class(package.size),
                rank=dice.randrange(10**9),
                state=State.DEFERRED if (again := destination is not others[0] and number % 3 == 0) else State.QUEUED,
                next_try_at=later if again else None,
            )
            for number, package in enumerate(packages)
        )


def one_pick() -> float:
    """Claim the next relay, put it back, and return the seconds that the claim took."""
    from posthouse.jobs import leases
    from posthouse.relays import picking

    start = time.perf_counter()
    row = picking.claim("bench")
    seconds = time.perf_counter() - start
    if row is None:
        raise RuntimeError("nothing could be claimed")
    leases.release(row)
    return seconds


if __name__ == "__main__":
    main()
