"""One connection on which a request follows another without waiting for the answers, so that the line never idles.

HTTP/1.1 pipelining (RFC 9112, section 9.3.2): requests are written one after another and answered in that order. Each
thread that makes a call writes its own request, and then waits for its own answer.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Condition, Lock
from typing import Any, Protocol, cast

from posthouse.cluster import sockets
from posthouse.cluster.sockets import DEAD_SECONDS, Facts

LOOK_SECONDS = 1.0
CHUNK = 256 * 1024
NEAR_SECONDS = 0.002
"""Below this round trip the kernel may keep as much as it likes: there it costs more to wake for each piece."""


class Gate(Protocol):
    """What keeps the bandwidth."""

    @property
    def step(self) -> int:
        """How many bytes are asked for at a time."""
        ...

    def __call__(self, size: int) -> None:
        """Block until so many bytes may be sent."""
        ...


class StreamBroken(Exception):
    """The connection broke, or its answer cannot be understood; the message says how, for the log."""


class TooLong(Exception):
    """The answer has more bytes than were allowed."""


class NoAnswer(Exception):
    """Everything was sent and acknowledged, and then no answer came in time."""


class Stream:
    """A connection. `exchange` may be called from several threads at once."""

    def __init__(self, secure: ssl.SSLSocket, host: str) -> None:
        """Own the socket from now on."""
        self._socket = secure
        self._socket.setblocking(False)
        self._host = host
        self._tls = Lock()  # OpenSSL wants one thread at a time
        self._writing = Lock()
        self._turns = Condition()
        self._sent = self._answered = self._users = 0
        self._broken: Exception | None = None
        self._inbox = bytearray()
        self._answers: io.BufferedReader[Any] = io.BufferedReader(_Incoming(self), 64 * 1024)
        self._last = self.facts()
        if self._last.trip > NEAR_SECONDS:
            sockets.keep_little_unsent(secure)

    @property
    def load(self) -> int:
        """How many requests are under way on it."""
        return self._users

    @property
    def usable(self) -> bool:
        """Whether a request may be sent on it."""
        return self._broken is None

    def facts(self) -> Facts:
        """Return what the kernel knows of it; what it knew last, once it is closed."""
        with suppress(OSError):
            self._last = sockets.facts(self._socket)
        return self._last

    def gone(self) -> bool:
        """Whether the far side has hung up meanwhile: asked before an idle connection is used again."""
        if self._sent == self._answered and self._readable():
            with suppress(StreamBroken):
                self._receive_early()
            if self._inbox:
                self.close()
        return not self.usable

    def close(self) -> None:
        """Hang up; whoever waits for an answer learns it."""
        self._break(StreamBroken("closed"))

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes],
        *,
        timeout: float,
        limit: int,
        gate: Gate | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request and return status, headers (names in lower case) and body of the answer.

        `timeout` counts from the last sign of life of the far kernel: a slow line is not a dead one. Raises
        StreamBroken, TooLong, NoAnswer; what `body` or `gate` raise comes out unchanged, and ends the connection.
        """
        head = [f"{method} {target} HTTP/1.1", f"Host: {self._host}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        start = "\r\n".join([*head, "", ""]).encode("latin-1")
        with self._turns:
            self._users += 1
        try:
            return self._exchange(method, start, body, timeout, limit, gate)
        finally:
            with self._turns:
                self._users -= 1
                self._close_unused()

    def _exchange(
        self,
        method: str,
        start: bytes,
        body: bytes | Iterable[bytes],
        timeout: float,
        limit: int,
        gate: Gate | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._writing:
            self._check()
            turn = self._sent
            self._sent += 1
            try:
                whole = self._write_all(turn, start, body, gate)
            except (OSError, ValueError) as error:
                raise self._break(StreamBroken(str(error))) from error
            except BaseException:
                self.close()
                raise
        with self._turns:
            self._turns.wait_for(lambda: self._answered == turn or self._broken is not None)
            self._check()
        try:
            answer = self._read(method, timeout, limit)
        except (TooLong, NoAnswer, StreamBroken) as error:
            self._break(error)
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._break(StreamBroken(str(error) or type(error).__name__)) from error
        with self._turns:
            self._answered += 1
            self._turns.notify_all()
        if not whole:
            self.close()
        return answer

    def _write_all(self, turn: int, start: bytes, body: bytes | Iterable[bytes], gate: Gate | None) -> bool:
        """Write a request; False when the answer came before its end, so that the rest was not sent."""
        self._write(memoryview(start))
        step = gate.step if gate is not None else CHUNK
        for piece in [body] if isinstance(body, bytes) else body:
            view = memoryview(piece)
            for at in range(0, len(view), step):
                if self._answered == turn and self._readable():
                    self._receive_early()
                    if self._inbox:
                        return False
                chunk = view[at : at + step]
                if gate is not None:
                    gate(len(chunk))
                self._write(chunk)
        return True

    def _write(self, data: memoryview) -> None:
        while data:
            wanted = select.POLLOUT
            try:
                with self._tls:
                    data = data[self._socket.send(data) :]
                continue
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                pass
            self._wait(wanted, DEAD_SECONDS, sending=True)

    def _read(self, method: str, timeout: float, limit: int) -> tuple[int, Mapping[str, str], bytes]:
        self._timeout = timeout
        response = http.client.HTTPResponse(cast(Any, _Kept(self._answers)), method=method)
        response.begin()
        content = response.read(limit + 1)
        if len(content) > limit:
            raise TooLong
        if response.will_close:
            self.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content

    def _receive(self, buffer: memoryview) -> int:
        """Read some bytes, waiting for them."""
        if self._inbox:
            count = min(len(buffer), len(self._inbox))
            buffer[:count] = self._inbox[:count]
            del self._inbox[:count]
            return count
        while True:
            wanted = select.POLLIN
            try:
                with self._tls:
                    return self._socket.recv_into(buffer)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            self._wait(wanted, self._timeout, sending=False)

    def _receive_early(self) -> None:
        """Take what has come, without waiting; TLS may have had something to say of its own."""
        try:
            with self._tls:
                came = self._socket.recv(64 * 1024)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise self._break(StreamBroken(str(error))) from error
        if not came:
            raise self._break(StreamBroken("the far side hung up"))
        self._inbox += came

    def _readable(self) -> bool:
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
        except (OSError, ValueError):
            return False
        return bool(poll.poll(0))

    def _wait(self, events: int, patience: float, *, sending: bool) -> None:
        """Wait until the socket is ready. Raises when the line shows no sign of life for too long."""
        poll = select.poll()
        poll.register(self._socket, events)
        acknowledged, since = -1, time.monotonic()
        while not poll.poll(LOOK_SECONDS * 1000):
            self._check()
            known = self.facts()
            now = time.monotonic()
            if known.acknowledged != acknowledged:
                acknowledged, since = known.acknowledged, now
            elif known.waiting and now - since > DEAD_SECONDS:
                raise StreamBroken(f"nothing was acknowledged for {DEAD_SECONDS:.0f} seconds")
            elif now - since > patience:
                raise StreamBroken("the far side takes no more") if sending else NoAnswer

    def _check(self) -> None:
        if self._broken is not None:
            raise StreamBroken(str(self._broken))

    def _break(self, error: Exception) -> Exception:
        with self._turns:
            if self._broken is None:
                self.facts()
                self._broken = error
                with suppress(OSError):
                    # Not that of SSLSocket, which takes the encryption away first: another thread may be sending.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            self._close_unused()
            self._turns.notify_all()
        return error

    def _close_unused(self) -> None:
        """Give the descriptor back, once nobody can be waiting on it: its number will be used again."""
        if self._broken is not None and self._users == 0:
            self._socket.close()


class _Incoming(io.RawIOBase):
    """What comes in, for http.client."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._stream._receive(memoryview(buffer))


class _Kept(io.RawIOBase):
    """Passes for a socket and for its file: http.client closes the file at the end of each answer, we do not."""

    def __init__(self, answers: io.BufferedReader[Any]) -> None:
        self._answers = answers

    def makefile(self, _mode: str) -> _Kept:
        return self

    def read(self, size: int = -1) -> bytes:
        return self._answers.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        return self._answers.readline(size)

    def readinto(self, buffer: Any) -> int:
        return self._answers.readinto(buffer)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """The connection goes on."""
