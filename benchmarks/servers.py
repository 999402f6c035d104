"""The servers that are measured, each as its operators would run it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from posthouse.cli.client import Client, Draft
from posthouse.cli.local import LocalServer, free_port
from posthouse.lib import processes

PASSWORD = "correct horse battery"
PREFIX = "/aspera/faspex"


class Posthouse:
    """A stand-alone Posthouse, and a second door to it without TLS, which only a benchmark wants."""

    name = "posthouse"

    def __init__(self, folder: Path) -> None:
        self.server = LocalServer("bench", folder / "posthouse")
        self.plain_port = free_port()
        self._plain: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.server.init()
        self.server.create_admin("alice", PASSWORD)
        self.server.start()
        parent = os.getpid()
        self._plain = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.plain", str(self.plain_port)],
            env=self.server._environment(),
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: processes.die_with_parent(parent),
        )
        wait_for_port(self.plain_port)
        self.client: Client = self.server.client()
        self.client.log_in("alice", PASSWORD)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._plain:
            self._plain.terminate()
            self._plain.wait()
        self.server.stop()

    def port(self, *, tls: bool) -> int:
        """Return where it listens."""
        return self.server.port if tls else self.plain_port

    def draft(self, source: Path) -> Draft:
        """Return a new package that waits for this file."""
        return self.client.new_package("Bench", ["alice"], {source.name: source})

    @property
    def cookies(self) -> str:
        """The Cookie header of somebody who is logged in."""
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    def empty(self) -> None:
        """Throw away the contents of all files, as each run begins with new ones."""
        for path in (self.server.folder / "data" / "store").glob("*/*"):
            path.unlink()


class Nginx:
    """nginx as a WebDAV server, with sendfile, plain and TLS, with the certificate of the Posthouse beside it."""

    name = "nginx"

    def __init__(self, folder: Path, certificate: Path, key: Path) -> None:
        self.root = folder / "nginx"
        self.files = self.root / "files"
        self.ports = {False: free_port(), True: free_port()}
        self._certificate, self._key = certificate, key

    def __enter__(self) -> Self:
        self.files.mkdir(parents=True)
        temporary = "\n".join(
            f"{kind}_temp_path {self.root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = self.root / "nginx.conf"
        config.write_text(f"""
            daemon off; pid {self.root}/pid; error_log {self.root}/error.log; worker_processes 2;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections 512; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_buffer_size 1m;
                {temporary}
                server {{
                    listen 127.0.0.1:{self.ports[False]};
                    listen 127.0.0.1:{self.ports[True]} ssl;
                    ssl_certificate {self._certificate}; ssl_certificate_key {self._key};
                    ssl_protocols TLSv1.2 TLSv1.3;
                    root {self.files};
                    location / {{ dav_methods PUT DELETE; }}
                }}
            }}
        """)
        parent = os.getpid()
        self._process = subprocess.Popen(
            ["nginx", "-p", str(self.root), "-c", str(config), "-e", str(self.root / "error.log")],
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
            preexec_fn=lambda: processes.die_with_parent(parent),
        )
        wait_for_port(self.ports[True])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def port(self, *, tls: bool) -> int:
        """Return where it listens."""
        return self.ports[tls]


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    """Wait until somebody listens. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")
