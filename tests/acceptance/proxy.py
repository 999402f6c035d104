"""A line between servers that can be cut, go dead, damage what it carries, and be slow: a TCP proxy of the tests."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

STEP = 64 * 1024
HOST = "127.0.0.1"


class Line:
    """Listens at `port` (0: any that is free) and carries each connection to `target`. All may change at any time."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self.rate: float | None = None
        """Bytes per second of all connections together; None for as fast as it goes."""
        self.damaged = 0
        self._damage = 0
        self._free_at = 0.0
        """When what was carried so far has passed, at the rate."""
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._dead: set[tuple[socket.socket, socket.socket]] = set()
        self._up = True
        self._listener = socket.create_server((HOST, port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections, and take no new ones until `mend`."""
        self._up = False
        with self._lock:
            pairs, self._pairs = self._pairs, set()
            self._dead.clear()
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def mend(self) -> None:
        """Take connections again."""
        self._up = True

    def die(self) -> None:
        """Carry nothing more on the connections that are open, without ending them: half-open lines."""
        with self._lock:
            self._dead |= self._pairs

    def damage(self, times: int) -> None:
        """Flip a bit in each of the next pieces that are carried to the target."""
        with self._lock:
            self._damage += times

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._up:
                    near.close()
                    continue
                try:
                    far = socket.create_connection((HOST, self.target), timeout=5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                pair = (near, far)
                with self._lock:
                    self._pairs.add(pair)
                for source, sink in (pair, pair[::-1]):
                    threading.Thread(target=self._carry, args=[pair, source, sink], daemon=True).start()

    def _carry(self, pair: tuple[socket.socket, socket.socket], source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(STEP):
                if pair in self._dead:
                    continue
                if source is pair[0] and len(data) > 1000:
                    data = self._maybe_damaged(data)
                self._await_turn(len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
            return
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _await_turn(self, size: int) -> None:
        with self._lock:
            if not self.rate:
                return
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self.rate
            pause = self._free_at - now
        time.sleep(pause)

    def _maybe_damaged(self, data: bytes) -> bytes:
        with self._lock:
            if not self._damage:
                return data
            self._damage -= 1
            self.damaged += 1
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
