"""Imports of a directory of 100,000 people in five of a thousand groups each, from a real OpenLDAP, over TLS.

The first import makes their accounts, and places them; the second reads everybody and writes nothing; the third reads
what has changed. Measured from the start of a run to its end, on SQLite and on PostgreSQL, both on the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import memory
from benchmarks.master_and_slave import DATABASES, PASSWORD, Cluster
from benchmarks.slapd import ADMIN, BASE, Slapd
from posthouse.cli.local import LocalServer

PEOPLE = int(os.environ.get("POSTHOUSE_BENCHMARK_PEOPLE", "100000"))
EACH, GROUPS = 5, 1000
LIMIT_MB = 250
LONG_AGO = "20250101000000Z"
"""When everything was last changed there: an import of changes looks back some minutes, for clocks differ."""


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a process takes too much memory."""
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    with Slapd(folder, PEOPLE, EACH, GROUPS, stamp=LONG_AGO) as slapd:
        for database in DATABASES:
            place = folder / database.lower()
            place.mkdir()
            with ExitStack() as stack:
                url = f"{stack.enter_context(Cluster(place)).url}/paris" if database == "PostgreSQL" else None
                server = stack.enter_context(LocalServer("paris", place / "paris", database_url=url))
                most = 0
                for name, told, size in measure(server, slapd):
                    most = max(most, size)
                    yield f"directory: {database}: {name} {told}, {size} MB at most in a process"
            if most > LIMIT_MB:
                raise RuntimeError(f"a process took {most} MB; {LIMIT_MB} MB are the limit")


def measure(server: LocalServer, slapd: Slapd) -> Iterator[tuple[str, str, int]]:
    """Yield the name of each import, what it did, and the size of the largest process."""
    server.init()
    server.create_admin("admin", PASSWORD)
    server.start()
    with server.client() as boss:
        boss.log_in("admin", PASSWORD)
        fields = {
            "name": "office",
            "kind": "ldap",
            "hosts": "localhost",
            "port": str(slapd.port),
            "authorities": (slapd.folder / "tls.crt").read_text(),
            "bind_name": ADMIN,
            "password": "admin",
            "bases": BASE,
        }
        boss.fill_in(boss.get("server/directories/new/"), fields, has=["bind_name"])
    for name, options in (("first", ()), ("again", ()), ("changes", ("--changes",))):
        pids = memory.family(server.process.pid) if server.process else []
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        done: dict[str, Any] = json.loads(server.run("directory", "import", "office", *options, "--json").stdout)
        told = f"{done['seconds']:.1f} s, {done['seen']:,} seen, {done['added']:,} added, {done['changed']:,} changed"
        if done["result"] != "OK" or (name == "first" and done["added"] != PEOPLE):
            raise RuntimeError(f"{name}: {done}")
        yield name, told, max(map(memory.peak, pids))
