"""The network between servers: HTTPS connections that are kept alive, and nothing about signatures or meanings."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import urllib3
from django.conf import settings
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from posthouse.cluster import certificate, sockets, unreachable
from posthouse.cluster.certificate import Certificate
from posthouse.cluster.errors import Broken, CallError, Failed, NoConnection, WrongCertificate

CONNECT_SECONDS = 10.0
STALL_SECONDS = 60.0
"""How long one piece of a body may stand still on its way out."""
SOCKET_OPTIONS = [
    *HTTPSConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
]
"""While an answer is awaited, which may take minutes, a line that is dead is noticed within half a minute."""
CONNECTIONS = 16
"""Connections kept alive to one address."""


@dataclass(frozen=True)
class Place:
    """Where a server answers, and which certificate it must show."""

    host: str
    port: int
    pin: str = ""
    """SHA-256 of its certificate, hex; empty: certificate authorities must stand for it."""


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the line. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What calls need of a network. Tests give one that needs none."""

    def send(
        self,
        place: Place,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes],
        timeout: float,
        limit: int,
    ) -> Reply:
        """Send a request and return the answer. Raises CallError; NoConnection when nothing was sent.

        `target` is path and query. `timeout` is in seconds, from the last byte sent to the answer. An answer of more
        than `limit` bytes is refused. An error that comes out of `body` comes out of here, unchanged.
        """
        ...  # pragma: no cover

    def certificate(self, host: str, port: int) -> Certificate:
        """Return the certificate shown at an address. Raises CallError."""
        ...  # pragma: no cover


class Network:
    """The real network: pools of HTTP/1.1 connections over TLS. May be used from many threads."""

    def __init__(self) -> None:
        self._pools: dict[Place, urllib3.HTTPSConnectionPool] = {}
        self._lock = Lock()

    def send(
        self,
        place: Place,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes],
        timeout: float,
        limit: int,
    ) -> Reply:
        """Send a request and return the answer: see Transport."""
        outgoing = body if isinstance(body, bytes) else guarded(body)
        try:
            response = self._pool(place).urlopen(
                method,
                target,
                body=outgoing,
                headers=dict(headers),
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout),
                preload_content=False,
            )
            with response:
                content = response.read(limit + 1, decode_content=False)
                if len(content) > limit:
                    response.close()
                    raise Failed(f"The answer of {place.host} is longer than the {limit} bytes that fit here.")
                response.release_conn()
        except BodyFailed as failed:
            raise failed.cause from None
        except (HTTPError, OSError) as error:
            raise _explain(error, place) from error
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def certificate(self, host: str, port: int) -> Certificate:
        """Return the certificate shown at an address: see Transport."""
        return certificate.fetch(host, port)

    def close(self) -> None:
        """Close the connections that are kept alive."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def _pool(self, place: Place) -> urllib3.HTTPSConnectionPool:
        with self._lock:
            if place not in self._pools:
                pool = urllib3.HTTPSConnectionPool(
                    place.host,
                    place.port,
                    maxsize=CONNECTIONS,
                    block=False,
                    ssl_context=sockets.context_for(place.pin),
                    assert_fingerprint=place.pin or None,
                    socket_options=SOCKET_OPTIONS,
                )
                pool.ConnectionCls = _Connection
                self._pools[place] = pool
            return self._pools[place]


class _Connection(HTTPSConnection):
    """Goes through the proxy, is tuned, and gives each piece of the body its own time.

    urllib3 would grant the whole body the time to connect only.
    """

    def _new_conn(self) -> socket.socket:
        try:
            return sockets.connect_plain(self.host, self.port, settings.POSTHOUSE.proxy)
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            raise
        except ssl.SSLError as error:
            # Told apart from what happens to TLS later, on a connection that stood: see _explain.
            raise NewConnectionError(self, str(error)) from error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        assert self.sock is not None  # noqa: S101 - connect made it
        self.sock.settimeout(STALL_SECONDS)
        super().send(data)


class BodyFailed(Exception):
    """Carries an error of the body past urllib3, which would take a broken disk for a broken line."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def guarded(body: Iterable[bytes]) -> Iterable[bytes]:
    """Return a body whose own errors come out as BodyFailed."""
    return _Outgoing(body)


class _Outgoing:
    def __init__(self, body: Iterable[bytes]) -> None:
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self.body)
        while True:
            try:
                piece = next(pieces)
            except StopIteration:
                return
            except Exception as error:  # whatever it is, it is the caller's
                raise BodyFailed(error) from error
            yield piece


def explain(error: OSError, place: Place) -> CallError:
    """Return the sentence for a connection that could not be made."""
    if isinstance(error, sockets.WrongPin):
        return _wrong_pin(place)
    if isinstance(error, sockets.ProxyRefused):
        return NoConnection(
            f"The proxy does not lead to {place.host}, port {place.port}: {error}. Check the setting proxy, and what"
            " the proxy allows."
        )
    return unreachable.explain(error, place.host, place.port)


def _wrong_pin(place: Place) -> CallError:
    return WrongCertificate(
        f"The certificate at {place.host}, port {place.port} is not the one that was pinned when the servers were"
        " paired. If it was renewed, open the server in the Server List and choose Test; if not, somebody may stand"
        " between."
    )


def _explain(error: HTTPError | OSError, place: Place) -> CallError:
    where = f"{place.host}, port {place.port}"
    match error:
        case SSLError():
            inner = error.args[0] if error.args else None
            if isinstance(inner, ssl.SSLCertVerificationError):
                return unreachable.explain(inner, place.host, place.port)
            if "Fingerprints did not match" in str(error):
                return _wrong_pin(place)
            if isinstance(inner, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                return Broken(f"The connection to {where} broke.")
            return Broken(unreachable.damaged(place.host, place.port))
        case NewConnectionError() | ConnectTimeoutError():
            cause = error.__cause__
            return explain(cause if isinstance(cause, OSError) else TimeoutError(), place)
        case ReadTimeoutError() | TimeoutError():
            return Broken(f"{where} took too long to answer.")
        case ProtocolError():
            return Broken(f"The connection to {where} broke.")
        case _:
            return Broken(f"The call to {where} failed: {error}.")
