"""The way out of a network of one's own to the PostgreSQL of the tests, which listens on the loopback outside.

A thread stays in the network in which it was started, and a Unix socket is the same in all of them.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.acceptance.servers import DATABASE_VARIABLE

STEP = 64 * 1024


@contextmanager
def outside() -> Iterator[Path | None]:
    """Carry what comes to a Unix socket to PostgreSQL, from out here, until the end; None where SQLite is tested."""
    if DATABASE_VARIABLE not in os.environ:
        yield None
        return
    place = (os.environ.get("PGHOST", "localhost"), int(os.environ.get("PGPORT", "5432")))
    with tempfile.TemporaryDirectory(prefix="posthouse-bridge-") as folder:
        path = Path(folder) / "postgresql"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(128)
            _carry(listener, lambda: socket.create_connection(place))
            yield path


@contextmanager
def inside(path: Path | None) -> Iterator[None]:
    """Let PostgreSQL be reached in here at its usual port, by the socket that `outside` made."""
    if path is None:
        yield
        return
    with socket.create_server(("127.0.0.1", int(os.environ.get("PGPORT", "5432"))), backlog=128) as listener:
        _carry(listener, lambda: _unix(path))
        yield


def _unix(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


def _carry(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    """Take connections in a thread, until the listener is closed, and join each to one that `connect` makes."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = connect()
                except OSError:
                    near.close()  # PostgreSQL is away just now, and will be back
                else:
                    threading.Thread(target=_join, args=(near, far), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _join(near: socket.socket, far: socket.socket) -> None:
    with near, far:
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(STEP):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
        return
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
