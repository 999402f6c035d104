"""The most memory that each process of the server takes while a 4 GiB file goes up and comes down, over TLS.

What was before is not counted: a log-in takes 100 MB for a moment, because Argon2 is meant to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from benchmarks.download import fetch
from benchmarks.figures import MIB
from benchmarks.servers import PREFIX, Posthouse
from benchmarks.upload import make, send

SIZE = 4096 * MIB
LIMIT_MB = 150


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield the lines of the outcome. Raises RuntimeError when a process takes more than LIMIT_MB."""
    source = folder / "source.bin"
    make(source, SIZE)
    with Posthouse(folder) as posthouse:
        draft = posthouse.draft(source)
        forget_peaks(posthouse)
        send(posthouse, draft, source, tls=True)
        source.unlink()
        going_up = peaks(posthouse)
        path = f"{PREFIX}/transfers/downloads/{draft.id}/{draft.files[0]['id']}"
        fetch(posthouse.port(tls=True), path, {"Cookie": posthouse.cookies}, tls=True)
        both = peaks(posthouse)
    most = max(both.values())
    yield (
        f"memory: {max(going_up.values())} MB at most in a process after 4 GiB up, {most} MB after 4 GiB down "
        f"({len(both)} processes, {sum(both.values())} MB together)"
    )
    if most > LIMIT_MB:
        raise RuntimeError(f"a process took {most} MB; {LIMIT_MB} MB are the limit")


def peaks(posthouse: Posthouse) -> dict[int, int]:
    """Return the greatest resident size that each process has had, in MB, by pid."""
    process = posthouse.server.process
    return {pid: peak(pid) for pid in family(process.pid)} if process else {}


def forget_peaks(posthouse: Posthouse) -> None:
    """Let the greatest sizes count from now on (man 5 proc, clear_refs)."""
    for pid in peaks(posthouse):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def family(pid: int) -> list[int]:
    """Return a process and all that come from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def peak(pid: int) -> int:
    """Return VmHWM, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return round(kilobytes * 1024 / 1e6)


class Together:
    """Looks, again and again, how much memory a server's processes take together; `most` is the most so far, in MB.

    What several of them share counts once: it is the sum of their proportional sizes (Pss, man 5 proc_pid_smaps).
    """

    LOOK_SECONDS = 0.2

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._pid = pid
        self._end = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.most = max(self.most, together(self._pid))
            if self._end.wait(self.LOOK_SECONDS):
                return


def together(pid: int) -> int:
    """Return the memory that a process and all that come from it take now, in MB."""
    kilobytes = 0
    for member in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
            kilobytes += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return round(kilobytes * 1024 / 1e6)
