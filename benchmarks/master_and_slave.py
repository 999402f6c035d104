"""A master and a slave, two real servers on one machine, on SQLite or on a PostgreSQL of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import memory
from benchmarks.memory import Together
from posthouse.cli.local import HOST, LocalServer

PASSWORD = "correct horse battery"
DATABASES = ("PostgreSQL", "SQLite")


class Pair:
    """Master and slave, joined and running, with people at the master who were not synced yet."""

    def __init__(self, folder: Path, database: str, people: int, each: int = 5, groups: int = 1000) -> None:
        self.folder = folder / database.lower()
        self.people = [str(number) for number in (people, each, min(groups, people))]
        self.on_postgresql = database == "PostgreSQL"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        with ExitStack() as stack:
            url = stack.enter_context(Cluster(self.folder)).url if self.on_postgresql else None
            self.master, self.slave = (self._server(name, url, stack) for name in ("paris", "tokyo"))
            self.helper(self.master, "make", *self.people)
            self.join()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def join(self) -> None:
        """Make the two servers a cluster."""
        ours, theirs = (server.run("cluster", "fingerprint").stdout.strip() for server in (self.master, self.slave))
        self.slave.run("cluster", "convert", f"{HOST}:{self.master.port}", "--fingerprint", ours)
        self.master.run("cluster", "add", "tokyo", HOST, "--port", str(self.slave.port), "--fingerprint", theirs)

    def sync(self, kind: str = "manual", times: int = 1, *, change: bool = False) -> list[dict[str, Any]]:
        """Sync, and return what each run took and did."""
        said = self.helper(self.master, "sync", "tokyo", kind, str(times), "changed" if change else "same")
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def forget_peaks(self) -> None:
        """Let the greatest sizes of all processes count from now on."""
        for pid in self._pids(self.master) + self._pids(self.slave):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peaks(self) -> tuple[int, int]:
        """Return the greatest resident size that a process of the master and of the slave has had, in MB."""
        return max(map(memory.peak, self._pids(self.master))), max(map(memory.peak, self._pids(self.slave)))

    @contextmanager
    def together(self) -> Iterator[tuple[Together, Together]]:
        """Watch how much memory the processes of the master, and those of the slave, take together."""
        master, slave = (Together(server.process.pid) for server in (self.master, self.slave) if server.process)
        with master, slave:
            yield master, slave

    def helper(self, server: LocalServer, *arguments: str) -> str:
        """Run `benchmarks.people` in the environment of a server, and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.people", *arguments],
            env=server._environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}{server.said()[-2000:]}"
            )
        return done.stdout

    def _server(self, name: str, url: str | None, stack: ExitStack) -> LocalServer:
        server = stack.enter_context(LocalServer(name, self.folder / name, database_url=url and f"{url}/{name}"))
        server.settings["sync_seconds"] = "86400"
        server.init()
        server.create_admin(f"{name}-admin", PASSWORD)
        server.start()
        return server

    @staticmethod
    def _pids(server: LocalServer) -> list[int]:
        return memory.family(server.process.pid) if server.process else []


class Cluster:
    """A PostgreSQL with two databases, as Debian sets it up; what it has confirmed is on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        script = 'createdb paris && createdb tokyo && echo "ready $PGHOST $PGPORT $PGUSER $PGPASSWORD" && cat'
        self._process = subprocess.Popen(
            ["pg_virtualenv", "-t", "-o", "fsync=on", "sh", "-c", script],
            env={**os.environ, "TMPDIR": str(self.folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("ready "):
                host, port, user, password = line.split()[1:]
                self.url = f"postgresql://{user}:{password}@{host}:{port}"
                return self
        raise RuntimeError("PostgreSQL did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
