"""A directory server in a process of its own, and what its administrator changes in it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from posthouse.directory.ldap import ldap3
from posthouse.lib import processes


class DirectoryProcess(ABC):
    """What servers of all kinds have in common: `modify` and `move` are done by their own administrator."""

    ADMINISTRATOR: ClassVar[tuple[str, str]]
    """His distinguished name and password."""
    process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def door(self) -> ldap3.Server:
        """Where its administrator comes in."""

    def run(self, command: list[str], address: tuple[str, int], log: Path, patience: float) -> None:
        """Start it, and wait until something answers at the address."""
        parent = os.getpid()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: processes.die_with_parent(parent),
            )
        end = time.monotonic() + patience
        while True:
            with contextlib.suppress(OSError), socket.create_connection(address, 1):
                return
            assert self.process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < end, f"{command[0]} did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    @contextlib.contextmanager
    def administrator(self) -> Iterator[ldap3.Connection]:
        line = ldap3.Connection(self.door(), *self.ADMINISTRATOR, auto_bind=True, raise_exceptions=True)
        try:
            yield line
        finally:
            line.unbind()

    def modify(self, dn: str, **changes: list[str]) -> None:
        """Set attributes of an entry."""
        with self.administrator() as line:
            line.modify(dn, {name: [(ldap3.MODIFY_REPLACE, values)] for name, values in changes.items()})

    def move(self, dn: str, name: str, to: str | None = None) -> None:
        with self.administrator() as line:
            line.modify_dn(dn, name, new_superior=to)
