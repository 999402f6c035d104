"""Sockets to other servers: how they are connected, how they are tuned for a long line, and what the kernel tells.

BBR keeps nearly the full rate of a lossy line where cubic gets almost nothing of it; each socket asks for it, and goes
without where the kernel has none. SO_SNDBUF is never set: that would switch off the kernel's own growing of it.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
import struct
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

CONNECT_SECONDS = 10.0
DEAD_SECONDS = 60.0
"""A line on which nothing at all is acknowledged for so long is dead. A slow one acknowledges something."""
UNSENT = 128 * 1024
"""Bytes that wait in the kernel unsent at most, so that they can still go by another stream."""

OPTIONS: list[tuple[int, int, int | bytes]] = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_SECONDS * 1000)),
]
CONGESTION = "bbr"


class Where(Protocol):
    """An address to connect to, and which certificate it must show."""

    @property
    def host(self) -> str:
        """Name or IP address."""
        ...

    @property
    def port(self) -> int:
        """TCP port."""
        ...

    @property
    def pin(self) -> str:
        """SHA-256 of the certificate, hex; empty: certificate authorities decide."""
        ...


class WrongPin(ssl.SSLError):
    """The certificate is not the pinned one."""


class ProxyRefused(OSError):
    """The proxy does not let us through; the message is its answer."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the kernel knows of a connection."""

    trip: float
    """Round trip of late, seconds."""
    least_trip: float
    """The shortest one of the last minutes, seconds: that of the line with nothing in its queues."""
    acknowledged: int
    """Bytes, from the beginning."""
    waiting: bool
    """Whether something that was written has not been acknowledged yet."""


def context_for(pin: str) -> ssl.SSLContext:
    """Return what TLS needs to know: with a pin no authority is asked, for the pin is compared afterwards."""
    context = ssl.create_default_context()
    if pin:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def tune(plain: socket.socket) -> None:
    """Have the socket keep its line full, and notice when it is dead."""
    for level, name, value in OPTIONS:
        plain.setsockopt(level, name, value)
    with suppress(OSError):  # a kernel without it, or a user who may not choose it: the check says so
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION.encode())


def connect(where: Where, context: ssl.SSLContext, proxy: str | None = None) -> ssl.SSLSocket:
    """Return a tuned connection over TLS to the server that shows the right certificate.

    Raises OSError: WrongPin and other ssl.SSLErrors, ProxyRefused, and what a socket raises.
    """
    plain = connect_plain(where.host, where.port, proxy)
    try:
        # A handshake on a bad line takes a few tries; the dead are noticed by the kernel, too.
        plain.settimeout(3 * CONNECT_SECONDS)
        secure = context.wrap_socket(plain, server_hostname=where.host)
    except BaseException:
        plain.close()
        raise
    shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
    if where.pin and not hmac.compare_digest(shown, where.pin):
        secure.close()
        raise WrongPin("Fingerprints did not match")
    return secure


def connect_plain(host: str, port: int, proxy: str | None = None, timeout: float = CONNECT_SECONDS) -> socket.socket:
    """Return a tuned connection, over which TLS may begin. Raises OSError."""
    plain = _through(proxy, host, port, timeout) if proxy else socket.create_connection((host, port), timeout)
    tune(plain)
    return plain


def facts(plain: socket.socket) -> Facts:
    """Ask the kernel about a connection (struct tcp_info of linux/tcp.h)."""
    told = plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 152)
    unacked = struct.unpack_from("I", told, 24)[0]
    trip = struct.unpack_from("I", told, 68)[0]
    acknowledged = struct.unpack_from("Q", told, 120)[0]
    unsent, least_trip = struct.unpack_from("II", told, 144)
    return Facts(trip / 1e6, least_trip / 1e6, acknowledged, bool(unacked or unsent))


def keep_little_unsent(plain: socket.socket) -> None:
    """Have no more than UNSENT bytes wait in the kernel."""
    with suppress(OSError):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


def _through(proxy: str, host: str, port: int, timeout: float) -> socket.socket:
    """Return a connection through an HTTP proxy (CONNECT, RFC 9110, section 9.3.6)."""
    parts = urlsplit(proxy)
    plain = socket.create_connection((parts.hostname or "", parts.port or 3128), timeout)
    to = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if parts.username:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {b64encode(credentials.encode()).decode()}")
    try:
        plain.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        # Byte by byte: what follows the head is TLS already.
        while not answer.endswith(b"\r\n\r\n"):
            byte = plain.recv(1)
            if not byte or len(answer) > 8192:
                raise ProxyRefused("it hung up")
            answer += byte
        status = answer.split(b"\r\n", 1)[0].decode("latin-1")
        if status.split(" ")[1:2] != ["200"]:
            raise ProxyRefused(status)
    except BaseException:
        plain.close()
        raise
    return plain
