"""One file down, beside nginx with sendfile. Both read from the page cache; the client throws the bytes away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.figures import MIB, compare
from benchmarks.line import Line
from benchmarks.servers import PREFIX, Nginx, Posthouse
from benchmarks.upload import make

SIZE = 1024 * MIB


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome."""
    source = folder / "source.bin"
    make(source, SIZE)
    with Posthouse(folder) as posthouse:
        data = posthouse.server.folder / "data"
        draft = posthouse.draft(source)
        posthouse.client.upload(draft, {source.name: source})
        file = f"{PREFIX}/transfers/downloads/{draft.id}/{draft.files[0]['id']}"
        cookies = {"Cookie": posthouse.cookies}
        with Nginx(folder, data / "tls.crt", data / "tls.key") as nginx:
            make(nginx.files / "file.bin", SIZE)
            for tls in (False, True):
                yield compare(
                    f"download {'TLS' if tls else 'plain'}",
                    SIZE,
                    lambda tls=tls: fetch(posthouse.port(tls=tls), file, cookies, tls),
                    lambda tls=tls: fetch(nginx.port(tls=tls), "/file.bin", {}, tls),
                    "nginx",
                )


def fetch(port: int, path: str, headers: Mapping[str, str], tls: bool) -> float:
    """Download once and return the seconds that it took."""
    line = Line(port, tls=tls)
    start = time.perf_counter()
    line.fetch(path, headers)
    seconds = time.perf_counter() - start
    line.close()
    return seconds
