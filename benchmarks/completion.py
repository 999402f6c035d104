"""Completing recipients among 100,000 people, on SQLite and on PostgreSQL: the whole call, as a browser makes it.

Each person is in five of a thousand workgroups, and the sender has 1,000 contacts. It is typed what begins the names of
everybody, of many, of one and of nobody, by senders with different rights: one who may look for all, one who reaches
only the people of his five workgroups, one whose only workgroup has half of all people, one who may not look people up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

PEOPLE = 100_000
EACH, GROUPS = 5, 1_000
CONTACTS = 1_000
TIMES = 20
TYPED = ("u", "user 9", "u00", "u0099999", "u0012345@example.test", "group 1", "contact 9", "nobody at all", "zz")
LIMIT_MS = 50.0


def run(folder: Path) -> Iterator[str]:
    """Measure on both engines, and yield the lines of the outcome. Raises RuntimeError when one is too slow."""
    here = [sys.executable, "-m", "benchmarks.completion"]
    yield from _lines(here, folder / "sqlite")
    in_cluster = 'createdb posthouse && POSTHOUSE_DATABASE_URL=postgresql:///posthouse exec "$@"'
    yield from _lines(["pg_virtualenv", "-t", "sh", "-c", in_cluster, "sh", *here], folder / "postgresql")


def _lines(command: list[str], folder: Path) -> Iterator[str]:
    folder.mkdir()
    environment = os.environ | {"POSTHOUSE_DATA_DIR": str(folder), "POSTHOUSE_LOG": "text", "POSTHOUSE_NAME": "paris"}
    environment["DJANGO_SETTINGS_MODULE"] = "posthouse.config.settings"
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    yield from (line for line in done.stdout.splitlines() if line.startswith("completion"))


def main() -> None:
    """Make the people, and measure."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from posthouse.cluster.models import Server

    call_command("migrate", verbosity=0)
    Server.objects.create(name="paris", host="paris.example", is_self=True)
    from benchmarks import people

    people.make(PEOPLE, EACH, GROUPS)
    senders = make_senders()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    worst = 0.0
    for name, user in senders.items():
        took = {typed: measure(user, typed) for typed in TYPED}
        slowest = max(took, key=lambda typed: took[typed])
        worst = max(worst, took[slowest])
        each = ", ".join(f"{typed!r} {ms:.0f}" for typed, ms in took.items())
        print(f"completion {connection.vendor}: {name}, {PEOPLE:,} people: slowest {took[slowest]:.1f} ms ({each} ms)")
    if worst > LIMIT_MS:
        raise SystemExit(f"{worst:.1f} ms; {LIMIT_MS:.0f} ms is the limit")


def make_senders() -> dict[str, Any]:
    """Return the people who type, by what tells them from the others."""
    from posthouse.accounts.models import Membership, User, Workgroup
    from posthouse.contacts.models import Contact

    first, second, third, fourth = User.objects.filter(login__startswith="u005000").order_by("login")[:4]
    for person, permissions in ((second, "-everyone"), (third, "-everyone"), (fourth, "-directory")):
        person.permissions = permissions
        person.save()
    Membership.objects.filter(user=third).delete()
    large = Workgroup.objects.create(name="Group of half the world")
    half = User.objects.order_by("login").values_list("pk", flat=True)[::2]
    rows = (Membership(user_id=pk, workgroup=large) for pk in {*half, third.pk})
    Membership.objects.bulk_create(rows, batch_size=5_000)
    Contact.objects.bulk_create(
        (Contact(owner=first, name=f"Contact {n}", email=f"c{n}@outside.test") for n in range(CONTACTS)), batch_size=500
    )
    return {
        "may see all": first,
        "reaches his five workgroups": second,
        "reaches half of all": third,
        "may not look people up": fourth,
    }


def measure(user: Any, typed: str) -> float:
    """Return the median of the milliseconds that the call takes, after one rehearsal."""
    from django.test import Client
    from django.urls import reverse

    client = Client()
    client.force_login(user)
    place = reverse("packages:recipients")
    took = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        answer = client.get(place, {"q": typed}, secure=True)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{answer.status_code}: {answer.content[:500]!r}")
    return median(took[1:])


if __name__ == "__main__":
    main()
