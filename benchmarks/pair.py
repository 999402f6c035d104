"""Two real Posthouse servers, each at its end of a line: Alice's near one, the master, and Bob's far one."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from benchmarks.longline import FAR, NEAR, Namespaces
from benchmarks.servers import PASSWORD
from posthouse.cli.administrator import Administrator
from posthouse.cli.client import Client
from posthouse.cli.local import LocalServer

PATIENCE_SECONDS = 600.0
STEP = 16 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """How a relay went."""

    state: str
    seconds: float
    """From the moment the package was closed to the moment it was verified and shown at the far end."""
    ended: float
    """When it was shown there, in seconds since 1970."""
    error: str


class Pair:
    """Two servers, joined to a cluster over the line as it is then."""

    def __init__(self, folder: Path, namespaces: Namespaces | None) -> None:
        """Without namespaces both are on loopback. With them, this process moves to the near one."""
        self.folder = folder
        if namespaces is None:
            self.near, self.far = (LocalServer(name, folder / name) for name in ("near", "far"))
            return
        namespaces.enter_near()
        self.near = LocalServer("near", folder / "near", 20443, host=NEAR)
        self.far = LocalServer("far", folder / "far", 20443, host=FAR, within=namespaces.at_far())

    def __enter__(self) -> Self:
        for server in (self.near, self.far):
            server.init()
            server.create_admin("admin" if server is self.near else "far-admin", PASSWORD)
            server.start()
        try:
            self._join()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in (self.near, self.far):
            server.stop()

    def send(self, files: dict[str, Path]) -> str:
        """Have Alice send a package to Bob, and return its id when it is uploaded."""
        return self.alice.send("Bench", ["bob"], files)

    def outcome(self, package: str) -> Outcome:
        """Wait until the relay of a package has ended. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            for state, created, ended, error in self._rows(package):
                if ended:
                    seconds = (_time(ended) - _time(created)).total_seconds()
                    return Outcome(state, seconds, _time(ended).replace(tzinfo=UTC).timestamp(), error)
            time.sleep(0.2)
        raise TimeoutError(f"the relay did not end:\n{self.near.said()[-3000:]}")

    def ended(self, package: str) -> bool:
        """Whether the relay of a package has ended."""
        return any(ended for _, _, ended, _ in self._rows(package))

    def relay(self, files: dict[str, Path]) -> float:
        """Send a package, wait until it is at the far end, and return the seconds of its relay."""
        outcome = self.outcome(self.send(files))
        if outcome.state != "done":
            raise RuntimeError(f"the relay failed: {outcome.error}")
        return outcome.seconds

    def empty(self) -> None:
        """Throw away the contents of all files at both ends."""
        for server in (self.near, self.far):
            for path in (server.folder / "data" / "store").glob("*/*"):
                path.unlink()

    def _rows(self, package: str) -> list[tuple[str, str, str, str]]:
        database = next((self.near.folder / "data").glob("*.sqlite3"))
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(
                "SELECT state, created_at, ended_at, last_error FROM relays_relay WHERE package_id = ?",
                [UUID(package).hex],
            ).fetchall()

    def _join(self) -> None:
        with (
            Administrator(self.near.address, self.near.certificate) as master,
            Administrator(self.far.address, self.far.certificate) as slave,
        ):
            master.log_in("admin", PASSWORD)
            slave.log_in("far-admin", PASSWORD)
            slave.convert("far", f"{self.near.host}:{self.near.port}", master.fingerprint())
            master.add("far", self.far.host, self.far.port, slave.fingerprint())
            for login, home in (("alice", "near"), ("bob", "far")):
                master.new_account(login, login.title(), f"{login}@example.com", PASSWORD, home)
            master.sync("far")
        self.alice: Client = self.near.client()
        self.alice.log_in("alice", PASSWORD)


def noise(path: Path, size: int) -> Path:
    """Make a file that nobody has seen before and nothing can compress."""
    with path.open("wb") as file:
        while size:
            file.write(os.urandom(min(STEP, size)))
            size -= min(STEP, size)
    return path


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
