"""Searching a million packages, on SQLite and on PostgreSQL.

Each package has a title, a note and files of about twenty words, a sender and two recipients. What is measured is the
whole page: the request as a browser sends it to Received, Sent or Server > Packages, in this process, to the last byte
of the answer. Words are in all packages, in half of them, in one of 40, of 1000, of 100,000, and in none; some are
asked for by their beginning, some together. Others are in a quarter of the packages, or in a tenth, but in none of the
newest; and two are each in many, but in none together. The people have few packages among the million, or many, or see
all.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from itertools import accumulate, islice
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = int(os.environ.get("SEARCH_PACKAGES", "1000000"))
PEOPLE = 5000
PIECE = 20_000
ROUNDS = 8
LIMIT_MS = 200.0
QUESTIONS = {
    "frequent": ("mov", "film", "fil", "film mov", "fi mo"),
    "middling": ("monthly", "month", "monthly film", "scene"),
    "rare": ("thousandth", "thousan", "zanzibar", "zanz film", "thousandth monthly"),
    "former": ("former", "form film", "elder", "elder mov", "film scene0"),
    "absent": ("nonesuch", "nones", "nonesuch film", "zanzibar monthly thousandth"),
}


def run(folder: Path) -> Iterator[str]:
    """Measure on both engines, and yield the lines of the outcome."""
    here = [sys.executable, "-m", "benchmarks.search"]
    engines = os.environ.get("SEARCH_ENGINES", "sqlite postgresql").split()
    if "sqlite" in engines:
        yield from _lines(here, folder / "sqlite")
    if "postgresql" not in engines:
        return
    in_cluster = 'createdb posthouse && POSTHOUSE_DATABASE_URL=postgresql:///posthouse exec "$@"'
    yield from _lines(["pg_virtualenv", "-t", "sh", "-c", in_cluster, "sh", *here], folder / "postgresql")


def _lines(command: list[str], folder: Path) -> Iterator[str]:
    folder.mkdir()
    environment = os.environ | {"POSTHOUSE_DATA_DIR": str(folder), "POSTHOUSE_LOG": "text"}
    environment["DJANGO_SETTINGS_MODULE"] = "posthouse.config.settings"
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    yield from (line for line in done.stdout.splitlines() if line.startswith("search"))
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> None:
    """Make the packages in this environment, ask, and print what it took. Exits with an error when it is too slow."""
    import_module("posthouse.config.asgi")  # as a server does
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    began = time.monotonic()
    people = make()
    name = f"search {connection.vendor}"
    print(f"{name}: {PACKAGES:,} packages made and indexed in {time.monotonic() - began:.0f} s", flush=True)
    slow = []
    for who, (person, pages) in people.items():
        for kind, questions in QUESTIONS.items():
            taken = sorted(ask(person, pages, questions))
            p95 = taken[int(0.95 * len(taken))]
            print(
                f"{name}: {kind} words, {who}: p50 {median(taken):.0f} ms, p95 {p95:.0f} ms, worst {taken[-1]:.0f} ms",
                flush=True,
            )
            if p95 > LIMIT_MS:
                slow.append(f"{kind}, {who}")
    if slow:
        raise SystemExit(f"slower than {LIMIT_MS:.0f} ms: {'; '.join(slow)}")


def ask(person: Any, pages: tuple[str, ...], questions: tuple[str, ...]) -> list[float]:
    """Return the milliseconds of each request."""
    from django.test import Client
    from django.urls import reverse

    client = Client(SERVER_NAME="paris.example")
    client.force_login(person)
    taken = []
    for number in range(ROUNDS + 1):
        for page in pages:
            for question in questions:
                start = time.perf_counter()
                answer = client.get(reverse(f"packages:{page}"), {"q": question}, secure=True)
                seconds = time.perf_counter() - start
                if answer.status_code != 200:
                    raise RuntimeError(f"{page} {question}: {answer.status_code}")
                if number:  # the first round reads what lies on the disk
                    taken.append(seconds * 1000)
    return taken


def make() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Make everything; return who asks, and on which pages."""
    from django.db import connection
    from django.utils import timezone

    from posthouse.accounts.models import User
    from posthouse.cluster.models import Server
    from posthouse.packages.models import Delivery, Package

    here = Server.objects.create(name="paris", host="paris.example", is_self=True, keys=["x"])
    User.objects.bulk_create(
        User(login=f"u{n}", name=f"Person {n}", email=f"u{n}@example.com", home=here, password="!")
        for n in range(PEOPLE)
    )
    few, many, boss = (
        User.objects.create(login=name, name=name.title(), email=f"{name}@example.com", home=here, role=role)
        for name, role in (("few", "user"), ("many", "user"), ("boss", "administrator"))
    )
    users = [pk.hex for pk in User.objects.filter(login__startswith="u").values_list("pk", flat=True)]
    now = timezone.now()
    first = Package.objects.create(title="x", sender=few, origin=here, status="complete", closed_at=now, file_count=2)
    share = Delivery.objects.create(package=first, recipient=few, home=here, available_at=now)
    rows = _rows(users, few.pk.hex, many.pk.hex)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous = OFF")  # while the packages are made
            cursor.execute("PRAGMA cache_size = -400000")
        text = "text" if connection.vendor == "sqlite" else "uuid"
        cursor.execute(
            f"CREATE TEMPORARY TABLE made (number bigint, package {text}, sender {text}, one {text}, two {text},"
            f" first {text}, second {text}, title text, words text)"
        )
        while piece := list(islice(rows, PIECE)):
            _take(cursor, piece)
        if connection.vendor != "sqlite":
            cursor.execute("DROP INDEX packages_words")  # and made anew, as it is for a database that is upgraded
        _copy(cursor, Package, first.pk, "made.package", {"sender_id": "made.sender", "title": "made.title"})
        for key, who in (("made.first", "made.one"), ("made.second", "made.two")):
            _copy(cursor, Delivery, share.pk, key, {"package_id": "made.package", "recipient_id": who})
        if connection.vendor == "sqlite":
            cursor.execute("INSERT INTO packages_place (number, package_id) SELECT number, package FROM made")
            cursor.execute("INSERT INTO packages_words (rowid, words) SELECT number, words FROM made")
        else:
            cursor.execute(
                "INSERT INTO packages_place (number, package_id, words)"
                " SELECT number, package, array_to_tsvector(string_to_array(words, ' ')) FROM made"
            )
            cursor.execute("CREATE INDEX packages_words ON packages_place USING gin (words) WITH (fastupdate = off)")
        cursor.execute("DROP TABLE made")
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    connection.close()  # what follows asks over a line like that of a server
    return {
        "somebody with 30 packages": (few, ("received", "sent")),
        f"somebody with {PACKAGES // 20:,}": (many, ("received", "sent")),
        "an administrator": (boss, ("all",)),
    }


def _copy(cursor: Any, model: Any, key: object, new: str, columns: dict[str, str]) -> None:
    """Write a row for each package: like the one with that key, but for its own key and some columns."""
    from django.db import connection

    names = [each.column for each in model._meta.local_fields]
    values = [new if name == "id" else columns.get(name, f'old."{name}"') for name in names]
    table = model._meta.db_table
    pk = model._meta.pk.get_db_prep_value(key, connection)
    into = ", ".join(connection.ops.quote_name(name) for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({into}) SELECT {', '.join(values)} FROM made, {table} old WHERE old.id = %s", [pk]
    )


def _take(cursor: Any, piece: list[tuple[Any, ...]]) -> None:
    from django.db import connection

    if connection.vendor == "sqlite":
        cursor.executemany("INSERT INTO made VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", piece)
        return
    lines = io.StringIO("".join("\t".join(map(str, row)) + "\n" for row in piece))
    with cursor.cursor.copy("COPY made FROM STDIN") as copy:
        copy.write(lines.read())


def _rows(users: list[str], few: str, many: str) -> Iterator[tuple[Any, ...]]:
    """Yield number, keys, people, title and words of each package, the same each time."""
    dice = random.Random(1)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    vocabulary = ["".join(dice.choices(syllables, k=dice.randint(2, 4))) for _ in range(50_000)]
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(vocabulary))))
    for n in range(PACKAGES):
        sender, one, two = dice.sample(users, 3)
        if n % 20 == 3:
            sender, one = (many, one) if n % 40 == 3 else (sender, many)
        if n % (PACKAGES // 30) == 7:
            sender, one = (few, one) if n % 2 else (sender, few)
        words = dice.choices(vocabulary, cum_weights=weights, k=14)
        words += ["film"] * (n % 2) + ["monthly"] * (n % 40 == 0) + ["thousandth"] * (n % 1000 == 0)
        words += ["zanzibar"] * (n % (PACKAGES // 10) == 5)
        words += ["former"] * (n < PACKAGES // 4) + ["elder"] * (n < PACKAGES * 0.95 and n % 10 == 1)
        words += [f"scene{n % 50}", "scene", f"take{dice.randrange(10_000):04d}", "mov"]
        title = " ".join(words[:4])
        marks = f"@s{sender} @r{one} @r{two}"
        # As real keys do, they grow with the time.
        keys = [f"{n * 3 + k:012x}7{dice.getrandbits(12):03x}8{dice.getrandbits(60):015x}" for k in range(3)]
        yield (n + 1, keys[0], sender, one, two, keys[1], keys[2], title, f"{marks} {' '.join(set(words))}")


if __name__ == "__main__":
    main()
