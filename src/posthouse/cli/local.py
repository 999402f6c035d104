"""A whole server of its own on this machine's loopback: for the demonstration, the tests and the benchmarks."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from posthouse.cli.client import Client
from posthouse.config.options import CONFIG_VARIABLE
from posthouse.lib import processes

HOST = "127.0.0.1"
READY = "is ready at"
START_SECONDS = 30.0
STOP_SECONDS = 45.0


class ServerFailed(Exception):
    """A server did not start or stop; the message ends with the last lines of its log."""


def free_port() -> int:
    """Return a port of this machine that nobody listens on, outside the range from which the kernel takes ports."""
    while True:
        port = random.randint(20_000, 32_000)  # noqa: S311 - nothing depends on nobody guessing it
        with socket.socket() as trial:
            try:
                trial.bind((HOST, port))
            except OSError:
                continue
            return port


class LocalServer:
    """One server: a folder, a port, and a process that ends with this one. Leaving the context stops it."""

    def __init__(
        self,
        name: str,
        folder: Path,
        port: int | None = None,
        database_url: str | None = None,
        *,
        host: str = HOST,
        within: Sequence[str] = (),
    ) -> None:
        """`within` is a command that runs others elsewhere, such as in a network namespace, where `host` is its own."""
        self.name = name
        self.folder = folder
        self.host = host
        self.within = within
        self.port = port or free_port()
        self.database_url = database_url
        self.settings: dict[str, str] = {}
        """More settings, by the name of their environment variable without POSTHOUSE_."""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The address of its first page."""
        return f"https://{self.host}:{self.port}/aspera/faspex/"

    @property
    def certificate(self) -> Path:
        """The certificate to trust when calling it."""
        return self.folder / "data" / "tls.crt"

    @property
    def log(self) -> Path:
        """The file with what it says."""
        return self.folder / "server.log"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def init(self) -> str:
        """Make the server, and return what was said."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["--name", self.name, "--host", self.host, "--port", str(self.port), "--bind", self.host]
        arguments += ["--data-dir", str(self.folder / "data")]
        if self.database_url:
            arguments += ["--database-url", self.database_url]
        return self.run("init", *arguments).stdout

    def create_admin(self, login: str, password: str) -> None:
        """Make an administrator."""
        self.run(
            "createadmin",
            *("--login", login, "--name", login.title(), "--email", f"{login}@{self.name}.example.com"),
            "--password-stdin",
            stdin=password,
        )

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of this server. Raises ServerFailed when it fails."""
        done = subprocess.run(
            self._command(*arguments), input=stdin, env=self._environment(), capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise ServerFailed(f"posthouse {arguments[0]} at {self.name} failed: {done.stdout}{done.stderr}")
        return done

    def start(self, wait: bool = True) -> None:
        """Start it, and wait until it answers unless told otherwise."""
        parent = os.getpid()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                self._command("serve"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                preexec_fn=lambda: processes.die_with_parent(parent),
            )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the started server answers. Raises ServerFailed."""
        end = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise ServerFailed(f"{self.name} did not start:\n{self.said()[-4000:]}")
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """Whether it has said, since its last start, that it answers."""
        return self.process is not None and READY in self.said()

    def stop(self) -> int:
        """Stop it as an operator does, and return the exit code. Nothing happens when it does not run."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise ServerFailed(f"{self.name} did not stop:\n{self.said()[-4000:]}") from error
        finally:
            self.kill()

    def kill(self) -> None:
        """End it without warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self) -> str:
        """Return what it has logged since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def client(self) -> Client:
        """Return a client of it that is not logged in."""
        return Client(self.address, certificate=self.certificate)

    def _command(self, *arguments: str) -> list[str]:
        return [*self.within, sys.executable, "-m", "posthouse.cli", *arguments]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("POSTHOUSE_", "DJANGO_"))}
        more = {f"POSTHOUSE_{name.upper()}": value for name, value in self.settings.items()}
        return kept | more | {CONFIG_VARIABLE: str(self.folder / "posthouse.toml")}
