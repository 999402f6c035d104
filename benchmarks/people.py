"""Runs in a server's own environment: makes many people there, changes one, and starts a sync as its worker sees it.

`python -m benchmarks.people make 100000 5 1000` makes people who are in five of a thousand workgroups each.
`python -m benchmarks.people sync tokyo automatic 20` changes one person and syncs, 20 times, and prints the runs.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator

PIECE = 20_000
PASSWORD = "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHRzb21lc2FsdA$bGVuZ3RoIG9mIGEgaGFzaCBsaWtlIHRoaXMgb25l"


def make(count: int, each: int, groups: int) -> None:
    """Make people and workgroups, as fast as the database takes them, and list none of it as a change."""
    from django.db import transaction

    from posthouse.accounts.models import Workgroup
    from posthouse.cluster import servers
    from posthouse.lib.ids import uuid7
    from posthouse.sync import digest, feed, triggers, writing

    home = servers.this().pk.hex
    made = [Workgroup(name=f"Group {n}") for n in range(groups)]
    Workgroup.objects.bulk_create(made, batch_size=500)
    keys = [group.pk.hex for group in made]
    for start in range(0, count, PIECE):
        lines = list(_lines(range(start, min(start + PIECE, count)), each, keys, home, uuid7().hex[:12]))
        with transaction.atomic(), triggers.quiet():
            writing.write(feed.USERS, lines, [line[:32] for line in lines])
            digest.forget()


def _lines(numbers: range, each: int, groups: list[str], home: str, clock: str) -> Iterator[str]:
    for n in numbers:
        random = secrets.token_hex(10)
        key = f"{clock}7{random[:3]}8{random[3:18]}"
        names = sorted({groups[(n + k * len(groups) // each) % len(groups)] for k in range(each)})
        values = {
            "id": key,
            "login": f"u{n:07d}",
            "name": f"User {n}",
            "email": f"u{n:07d}@example.test",
            "role": "user",
            "is_active": "1",
            "password": PASSWORD,
            "home_id": home,
            "home_by_hand": "0",
            "permissions": "",
            "time_zone": "",
            "mails": "every",
            "rows": "25",
        }
        yield "\t".join([*(values.get(name, "\\N") for name in _fields()), ",".join(f"{name}0" for name in names)])


def _fields() -> tuple[str, ...]:
    from posthouse.sync import feed

    return feed.USERS.fields


def sync(name: str, kind: str, times: int, *, change: bool) -> None:
    """Start a sync, again and again, each after a change if there shall be one, and print what each took."""
    from posthouse.accounts.models import User
    from posthouse.cluster.models import Server
    from posthouse.sync import runs
    from posthouse.sync.models import Copy, Run

    slave = Server.objects.get(name=name)
    Copy.objects.filter(server=slave).update(failures=1)  # no sync starts by itself meanwhile
    for n in range(times):
        if change:
            User.objects.filter(login=f"u{n:07d}").update(name=f"Changed {secrets.token_hex(4)}")
        run = runs.start(slave, kind)
        while run.ended_at is None:
            time.sleep(0.02)
            run = Run.objects.filter(pk=run.pk).first() or run
        if run.state != "done":
            raise SystemExit(run.last_error)
        Copy.objects.filter(server=slave).update(failures=1)
        print(
            json.dumps(
                {
                    "seconds": (run.ended_at - run.started_at).total_seconds(),
                    "sent": run.sent,
                    "added": run.added,
                    "bytes": run.bytes,
                }
            ),
            flush=True,
        )


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    import django

    django.setup()
    match arguments:
        case ["make", count, each, groups]:
            make(int(count), int(each), int(groups))
        case ["sync", name, kind, times, what]:
            sync(name, kind, int(times), change=what == "changed")


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "posthouse.config.settings"
    main(sys.argv[1:])
