"""A client of raw sockets, the same for every server measured, so that what differs is the server.

Large pieces and one buffer: it takes a fraction of what any server does for the same bytes.
"""

from __future__ import annotations

import mmap
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

STEP = 1024 * 1024


class Line:
    """One connection, plain or TLS, on which one request after another is made."""

    def __init__(self, port: int, *, tls: bool) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=120)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket = plain
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # loopback: what is measured is the encryption
            self._socket = context.wrap_socket(plain)
        self._buffer = bytearray(STEP)

    def send(self, method: str, path: str, headers: Mapping[str, str], source: Path | None = None) -> dict[str, str]:
        """Send a request, with a file as its body, and return the answer's headers; `:status` among them."""
        size = source.stat().st_size if source else 0
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {size}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        if source:
            with source.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as contents:
                view = memoryview(contents)
                for start in range(0, size, STEP):
                    with view[start : start + STEP] as piece:
                        self._socket.sendall(piece)
                view.release()
        return self._answer()[0]

    def fetch(self, path: str, headers: Mapping[str, str]) -> int:
        """Download and throw away; return the bytes of the body."""
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        fields, came = self._answer(body=True)
        if fields[":status"] != "200":
            raise RuntimeError(f"GET {path}: {fields}")
        size = int(fields["content-length"])
        while came < size:
            got = self._socket.recv_into(self._buffer)
            if not got:
                raise RuntimeError(f"GET {path}: ended after {came} of {size} bytes")
            came += got
        return came

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _answer(self, *, body: bool = False) -> tuple[dict[str, str], int]:
        """Read an answer's head, and its body unless the caller wants that; return also how much of it came along."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._socket.recv(65536)
            if not piece:
                raise RuntimeError(f"no answer: {data!r}")
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        fields[":status"] = status.split()[1]
        if not body:
            left = int(fields.get("content-length", 0)) - len(rest)
            while left > 0:
                left -= len(self._socket.recv(left))
        return fields, len(rest)
