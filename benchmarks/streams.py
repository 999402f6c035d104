"""What plain TCP streams get through a line: the peers of a relay over it.

`python -m benchmarks.streams receive 20444 30` counts, in one namespace, the bytes that come in 30 seconds from the
first connection on; `python -m benchmarks.streams send HOST 20444 cubic 8` sends there, in the other one, until it is
hung up. No TLS and no disk: what a program over such streams could reach at best.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import suppress
from threading import Lock, Thread

from benchmarks.longline import FAR, Namespaces

PORT = 20444
PIECE = bytes(256 * 1024)


def share(namespaces: Namespaces, control: str, streams: int, seconds: float) -> float:
    """Return which share of the line so many streams of one congestion control fill, their start included.

    Raises RuntimeError when they cannot be made.
    """
    assert namespaces.line
    me = [sys.executable, "-m", "benchmarks.streams"]
    with subprocess.Popen(
        [*namespaces.at_far(), *me, "receive", str(PORT), str(seconds)], stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout
        if receiver.stdout.readline().strip() != "ready":
            raise RuntimeError("nobody listens at the far end")
        subprocess.run([*namespaces.at_near(), *me, "send", FAR, str(PORT), control, str(streams)], check=True)
        received = int(receiver.stdout.read())
    return received * 8 / seconds / namespaces.line.mbit / 1e6


def receive(port: int, seconds: float) -> int:
    """Count the bytes that come in so many seconds, from the first connection on."""
    total, lock = 0, Lock()

    def count(connection: socket.socket) -> None:
        nonlocal total
        buffer = bytearray(1 << 20)
        with suppress(OSError):  # our own shutdown ends it
            while length := connection.recv_into(buffer):
                with lock:
                    total += length

    with socket.create_server(("", port), backlog=64) as server:
        print("ready", flush=True)
        connections = [server.accept()[0]]
        end = time.monotonic() + seconds
        Thread(target=count, args=(connections[0],), daemon=True).start()
        while (left := end - time.monotonic()) > 0:
            server.settimeout(left)
            with suppress(TimeoutError):
                connections.append(server.accept()[0])
                Thread(target=count, args=(connections[-1],), daemon=True).start()
        with lock:
            counted = total
        for connection in connections:
            connection.close()
    return counted


def send(host: str, port: int, control: str, streams: int) -> None:
    """Send over so many streams at once until the far end hangs up."""

    def fill() -> None:
        with socket.socket() as stream, suppress(OSError):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
            stream.connect((host, port))
            while True:
                stream.sendall(PIECE)

    threads = [Thread(target=fill) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["receive", port, seconds]:
            print(receive(int(port), float(seconds)))
        case ["send", host, port, control, streams]:
            send(host, int(port), control, int(streams))
