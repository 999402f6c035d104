"""One file up, beside nginx's WebDAV: the whole tus exchange, digests and records included, and durable at the end.

nginx does not sync what it takes. So that both sides promise the same, its file and folder are synced after the
answer, inside the time that is measured.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figures import MIB, compare
from benchmarks.line import Line
from benchmarks.servers import Nginx, Posthouse
from posthouse.cli.client import Draft

SIZE = 1024 * MIB


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome."""
    source = folder / "source.bin"
    make(source, SIZE)
    with Posthouse(folder) as posthouse:
        data = posthouse.server.folder / "data"
        with Nginx(folder, data / "tls.crt", data / "tls.key") as nginx:
            for tls in (False, True):
                yield compare(
                    f"upload {'TLS' if tls else 'plain'}",
                    SIZE,
                    lambda tls=tls: to_posthouse(posthouse, source, tls),
                    lambda tls=tls: to_nginx(nginx, source, tls),
                    "nginx",
                )


def make(path: Path, size: int) -> None:
    """Make a file that does not compress."""
    piece = os.urandom(16 * MIB)
    with path.open("wb") as file:
        for _ in range(size // len(piece)):
            file.write(piece)


def to_posthouse(server: Posthouse, source: Path, tls: bool) -> float:
    """Upload one file and return the seconds that it took."""
    seconds = send(server, server.draft(source), source, tls=tls)
    server.empty()
    return seconds


def send(server: Posthouse, draft: Draft, source: Path, *, tls: bool) -> float:
    """Upload the one file of a package and return the seconds that it took."""
    coded = base64.b64encode(draft.files[0]["id"].encode()).decode()
    common = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {draft.right}"}
    creation = {**common, "Upload-Length": str(source.stat().st_size), "Upload-Metadata": f"file {coded}"}
    patch = {**common, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    line = Line(server.port(tls=tls), tls=tls)
    start = time.perf_counter()
    made = line.send("POST", urlsplit(draft.uploads).path, creation)
    answer = line.send("PATCH", made["location"], patch, source)
    seconds = time.perf_counter() - start
    line.close()
    if answer[":status"] != "204":
        raise RuntimeError(f"posthouse answered {answer}")
    return seconds


_names = count()


def to_nginx(server: Nginx, source: Path, tls: bool) -> float:
    """Upload one file, sync it, and return the seconds that it took."""
    name = f"{next(_names)}.bin"
    line = Line(server.port(tls=tls), tls=tls)
    start = time.perf_counter()
    answer = line.send("PUT", f"/{name}", {}, source)
    for path in (server.files / name, server.files):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    seconds = time.perf_counter() - start
    line.close()
    if answer[":status"] != "201":
        raise RuntimeError(f"nginx answered {answer}")
    (server.files / name).unlink()
    return seconds
