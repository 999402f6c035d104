"""Real servers for tests: their own processes, ports and folders, and on PostgreSQL a database each."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from posthouse.cli.local import LocalServer
from posthouse.config.options import CONFIG_VARIABLE

PASSWORD = "correct horse battery"
DATABASE_VARIABLE = "POSTHOUSE_TEST_DATABASE_URL"
NAMES = {"web": "posthouse-web", "http": "posthouse-http", "work": "posthouse-work"}
_numbers = itertools.count()


class RealServer(LocalServer):
    """A local server whose processes can be killed one by one.

    With POSTHOUSE_TEST_DATABASE_URL set it has a new PostgreSQL database, which `drop` removes.
    """

    def __init__(self, name: str, folder: Path, port: int | None = None) -> None:
        super().__init__(name, folder, port, _new_database(name))
        self.variables: dict[str, str] = {}
        """More variables of its environment."""

    def log_to(self, path: Path) -> None:
        """Have it write its log there, before it is made; by itself it does so in its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.symlink_to(path)

    def kill(self, process: str = "all") -> None:
        """Kill -9 one kind of process: supervisor, web, http (the workers of web) or work; or all of them at once."""
        if process in NAMES:
            for pid in self.pids(process):
                end(pid)
            return
        children = [pid for kind in NAMES for pid in self.pids(kind)] if process == "all" else []
        super().kill()
        for pid in children:
            end(pid)

    def restart(self, process: str = "all") -> None:
        """Kill the whole server, or only its supervisor, and start it again."""
        self.kill(process)
        self.start()

    def pids(self, process: str) -> list[int]:
        """Return the pids of one kind of process, in the order in which they were started."""
        if self.process is None:
            return []
        return [pid for pid in _descendants(self.process.pid) if _name(pid) == NAMES[process]]

    def processes(self) -> set[int]:
        """Return the pids of all processes on this machine that belong to it, orphans too."""
        mark = f"{CONFIG_VARIABLE}={self.folder / 'posthouse.toml'}".encode()
        return {pid for pid in _all_pids() if mark in _environment(pid)}

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask its database, past everything that the server does, and return the rows."""
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(statement.encode()).fetchall()
        with closing(sqlite3.connect(self.folder / "data" / "posthouse.sqlite3", timeout=30)) as database:
            return database.execute(statement).fetchall()

    def execute(self, statement: str) -> None:
        """Write into its database, past everything that the server does."""
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                connection.execute(statement.encode())
            return
        with closing(sqlite3.connect(self.folder / "data" / "posthouse.sqlite3", timeout=30)) as database:
            database.execute(statement)
            database.commit()

    def columns(self, table: str) -> list[str]:
        """Return the names of a table's columns."""
        if self.database_url:
            found = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
        else:
            found = f"SELECT name FROM pragma_table_info('{table}')"
        return [row[0] for row in self.query(found)]

    def drop(self) -> None:
        """Remove the PostgreSQL database, if it has one."""
        if self.database_url:
            name = urlsplit(self.database_url).path.strip("/")
            _at_postgresql(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _environment(self) -> dict[str, str]:
        return super()._environment() | self.variables


@contextmanager
def running(*servers: RealServer) -> Iterator[None]:
    """Make and start servers, and whatever happens, end them and drop their databases."""
    try:
        for server in servers:
            server.init()
        for server in servers:
            server.start(wait=False)
        for server in servers:
            server.wait_ready()
        yield
    finally:
        for server in servers:
            server.kill()
            server.drop()


def join(master: RealServer, *slaves: RealServer) -> None:
    """Make running servers a cluster, as an administrator does. The slaves are not synced yet."""
    fingerprint = master.run("cluster", "fingerprint").stdout.strip()
    for slave in slaves:
        slave.create_admin("keeper", PASSWORD)  # it stays, as a local account, and can get in without the master
        slave.run("cluster", "convert", f"127.0.0.1:{master.port}", "--fingerprint", fingerprint)
        theirs = slave.run("cluster", "fingerprint").stdout.strip()
        master.run("cluster", "add", slave.name, "127.0.0.1", "--port", str(slave.port), "--fingerprint", theirs)


def make_people(server: RealServer, homes: Mapping[str, str], admin: str = "admin") -> None:
    """Make accounts at the master: log-in name → name of the home server. Their password is PASSWORD."""
    with server.client() as client:
        client.log_in(admin, PASSWORD)
        for login, home in homes.items():
            client.new_account(login, login.title(), f"{login}@example.com", PASSWORD, home)


def end(pid: int) -> None:
    """Kill -9 a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether a process runs: one that waits to be reaped by a distant parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def stored(server: RealServer) -> int:
    """Return how many bytes of the disk a server's store really takes."""
    store = server.folder / "data" / "store"
    return sum(path.stat().st_blocks * 512 for path in store.rglob("*") if path.is_file())


def _new_database(name: str) -> str | None:
    url = os.environ.get(DATABASE_VARIABLE)
    if not url:
        return None
    database = f"posthouse_{name}_{os.getpid()}_{next(_numbers)}"
    _at_postgresql(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    parts = urlsplit(url)
    # Not urlunsplit: of an URL without a host it would leave out the two slashes, and libpq wants them.
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")


def _at_postgresql(statement: sql.Composed) -> None:
    with psycopg.connect(os.environ[DATABASE_VARIABLE], autocommit=True) as connection:
        connection.execute(statement)


def _descendants(pid: int) -> list[int]:
    found = []
    for child in sorted(_children(pid)):
        found += [child, *_descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _all_pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")  # of a zombie it is empty
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return ""
