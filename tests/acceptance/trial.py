"""Trial by fault: a package travels while something breaks, and arrives once, whole, after it was mended (D12).

`python -m tests.acceptance.trial cut-line full-disk-there` runs the named faults one after another on one cluster;
`--rounds 20 --seed 7 all` runs any of them, in any order, for as long as that takes. It starts itself anew in network
and mount namespaces of its own, so that what it breaks is nobody else's: that needs root.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from urllib3.exceptions import HTTPError

from posthouse.cli import parcels
from posthouse.cli.browser import ClientError
from posthouse.cli.client import Client
from posthouse.cli.local import free_port
from tests.acceptance import bridge
from tests.acceptance.chaos import insist
from tests.acceptance.disks import Disk
from tests.acceptance.faults import FAULTS, NEED_POSTGRESQL, SHORT, Fault, When
from tests.acceptance.post import Letter, Post
from tests.acceptance.proxy import Line
from tests.acceptance.servers import PASSWORD, RealServer, join, make_people, running, stored

DISK = 3 * 1024**3
FILM = 120_000_000
RATE = 8e6
"""Bytes per second of the line until the fault is mended: a relay lasts 15 s at least, so that there is time to strike
on the fastest of machines; on a slow one it lasts longer."""
ARRIVAL_SECONDS = 180.0
INSIDE = "POSTHOUSE_TRIAL_INSIDE"
LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Trial:
    """Paris, from where Alice sends; Tokyo, where Bob receives; a line between, and a disk under each."""

    def __init__(self, folder: Path, logs: Path, seconds: float) -> None:
        self.folder, self.logs = folder, logs
        self.seconds = seconds
        """How long a fault lasts where that can be chosen."""
        self.paris_disk, self.tokyo_disk = Disk(folder / "paris", DISK), Disk(folder / "tokyo", DISK)
        self.paris = RealServer("paris", folder / "paris" / "server")
        self.tokyo = RealServer("tokyo", folder / "tokyo" / "server")
        behind = free_port()
        common = {"sync_seconds": "5", "sync_failures": "1000", "log": "text"}
        self.paris.settings = dict(common)
        self.tokyo.settings = common | {"listen_port": str(behind)}
        self.line = Line(self.tokyo.port, behind)
        self.post = Post({"alice": "paris", "bob": "tokyo"})
        self.package = ""
        self.films = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make it all and start it; in the end everything is stopped, whatever happened."""
        with ExitStack() as stack:
            stack.enter_context(self.line)
            self.logs.mkdir(parents=True, exist_ok=True)
            for disk in (self.paris_disk, self.tokyo_disk):
                stack.enter_context(disk)
            for server in (self.paris, self.tokyo):
                # Not on its disk: what a server says when that is full, or broken, is what one wants to read.
                server.log_to(self.logs / f"{server.name}.log")
            stack.enter_context(running(self.paris, self.tokyo))
            self.paris.create_admin("admin", PASSWORD)
            join(self.paris, self.tokyo)
            make_people(self.paris, self.post.people)
            self.paris.run("cluster", "sync", "tokyo")
            self.alice, self.bob = self._at(self.paris, "alice"), self._at(self.tokyo, "bob")
            yield

    def run(self, fault: Fault) -> float:
        """Send a package through one fault and return the seconds from its mending to the arrival."""
        # Another film each time: a server is not sent what it has.
        self.films += 1
        self.film = parcels.big(self.folder / f"film-{self.films}", FILM, self.films, notes=40)
        course = fault(self)
        before = stored(self.tokyo)
        strikes = next(course)
        self.line.rate = RATE
        self.package = insist(lambda: self.alice.send(fault.__name__, ["bob"], self.film.files))
        self.post.letters[self.package] = Letter("alice", ("bob",), self.film)
        if strikes is When.UNDER_WAY:
            self._until(lambda: stored(self.tokyo) - before > FILM // 10, 60, "the relay did not start")
            if self.is_there():
                raise AssertionError("the relay was over before it was struck: nothing was tested")
        for _ in course:
            raise AssertionError("a fault strikes once")
        mended = time.monotonic()
        self.line.rate = None
        self._until(self.is_there, ARRIVAL_SECONDS, f"{fault.__name__}: the package did not arrive")
        took = time.monotonic() - mended
        self._fetch()
        self._until(lambda: self.alice.status(self.package) == "Complete", 60, "it is not complete at its sender's")
        return took

    def complaints(self) -> list[str]:
        """Stop both servers and return what is wrong in their records."""
        found = []
        for server in (self.paris, self.tokyo):
            if server.stop():
                found.append(f"{server.name} did not stop cleanly")
            found += self.post.complaints(server)
        return found

    def is_there(self) -> bool:
        """Whether Bob sees the package; if he does, all of it is there, and equal, at that moment."""
        try:
            return self.bob.has(self.package)
        except (HTTPError, OSError, ClientError):
            return False

    def await_bytes(self, more: int, seconds: float = 180.0) -> None:
        """Wait until so many bytes more have arrived, or all: where they had come before, only the commit is left."""
        before = stored(self.tokyo)

        def came() -> bool:
            return stored(self.tokyo) - before > more or self.is_there()

        self._until(came, seconds, f"{more} bytes did not arrive")

    def await_trouble(self, *codes: str, seconds: float = 60.0) -> None:
        """Wait until the relay, or its link, says that it is in one of these troubles."""
        query = (
            "SELECT r.trouble, l.trouble FROM relays_relay r JOIN relays_link l ON l.server_id = r.destination_id"
            " WHERE r.state <> 'done'"
        )
        self._until(
            lambda: any(code in codes for row in self.paris.query(query) for code in row),
            seconds,
            f"the relay says nothing of {' or '.join(codes)}, but {self.paris.query(query)}",
        )

    def last_error(self) -> str:
        """Return what the relay says went wrong."""
        return str(self.paris.query("SELECT last_error FROM relays_relay WHERE state <> 'done'")[0][0])

    def retry(self) -> None:
        """Choose Retry on the page of the relays."""
        page = insist(lambda: self.alice.get(f"relays/{self.package}/")).text
        action = page.partition('/retry"')[0].rpartition('action="')[2]
        if not action:
            return  # it goes on by itself already
        answer = self.alice.post(f"{action}/retry", {})
        if answer.status not in {200, 302}:
            raise AssertionError(f"Retry: {answer.status}")

    @contextmanager
    def clock(self) -> Iterator[Callable[[int], None]]:
        """Run Tokyo by a clock that can be set, and let it have the right one in the end.

        Not all the time: it looks into a file whenever it is asked, so that all of Tokyo is ten times slower.
        """
        set_to = self.folder / "clock"
        set_to.write_text("+0\n")
        faked = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(set_to),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.tokyo.variables |= faked
        self.tokyo.restart()
        try:
            yield lambda ahead: set_to.write_text(f"+{ahead}s\n") and None
        finally:
            for name in faked:
                del self.tokyo.variables[name]
            self.tokyo.restart()

    def pause(self) -> None:
        """Let the fault last for a while."""
        time.sleep(self.seconds)

    def _at(self, server: RealServer, login: str) -> Client:
        client = server.client()
        insist(lambda: client.log_in(login, PASSWORD))
        return client

    def _fetch(self) -> None:
        target = self.folder / "all.zip"
        target.unlink(missing_ok=True)
        links = insist(lambda: self.bob.downloads(self.package))
        self.bob.fetch(next(link for link in links if link.endswith("all.zip")), target, 60.0)
        if parcels.digests_in(target) != self.film.digests:
            raise AssertionError("what Bob fetched is not what Alice sent")

    def _until(self, true: Callable[[], bool], seconds: float, complaint: str) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise AssertionError(complaint)
            time.sleep(0.05)


def main() -> int:
    """Run the faults that are asked for; the exit code is 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.trial", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"all, or some of: {', '.join(FAULTS)} (default: a short selection)")
    parser.add_argument("--rounds", type=int, default=0, help="so many in any order, instead of each once")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of that order")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a fault lasts, where that can be chosen")
    parser.add_argument("--logs", type=Path, help="a new folder in which to leave the logs of both servers")
    asked = parser.parse_args()
    names = list(FAULTS) if asked.faults == ["all"] else asked.faults or list(SHORT)
    if unknown := set(names) - set(FAULTS):
        parser.error(f"There is no fault {', '.join(sorted(unknown))}.")
    if INSIDE not in os.environ:
        return _in_namespaces()
    if asked.rounds:
        names = Random(asked.seed).choices(names, k=asked.rounds)
        print(f"Seed {asked.seed}", flush=True)
    database = Path(os.environ[INSIDE]) if os.environ[INSIDE] else None
    with (
        bridge.inside(database),
        tempfile.TemporaryDirectory(prefix="posthouse-trial-", ignore_cleanup_errors=True) as folder,
    ):
        return _run(Trial(Path(folder), asked.logs or Path(folder), asked.seconds), names)


def _run(trial: Trial, names: list[str]) -> int:
    wrong: list[str] = []
    with trial.running():
        for name in names:
            if name in NEED_POSTGRESQL and not trial.paris.database_url:
                print(f"{name}: left out, for the databases are SQLite's", flush=True)
                continue
            began = time.monotonic()
            try:
                took = trial.run(FAULTS[name])
            except (AssertionError, HTTPError, OSError, ClientError) as error:
                wrong.append(f"{name}: {error!r}")
                break
            print(f"{name}: arrived whole {took:.1f} s after, {time.monotonic() - began:.1f} s in all", flush=True)
        if not wrong:
            wrong = trial.complaints()
        for complaint in wrong:
            print(f"WRONG: {complaint}")
        if wrong:
            for server in (trial.paris, trial.tokyo):
                print(
                    f"\nThe end of the log of {server.name}:\n{(trial.logs / f'{server.name}.log').read_text()[-6000:]}"
                )
    print("Something went wrong." if wrong else "Each package arrived once, and whole.")
    return bool(wrong)


def _in_namespaces() -> int:
    """Start again where mounts and network are our own. The process group ends with this process."""
    script = 'ip link set lo up && exec "$@"'
    command = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", script, "sh"]
    command += [sys.executable, "-m", "tests.acceptance.trial", *sys.argv[1:]]
    with bridge.outside() as database:
        return subprocess.run(command, env=os.environ | {INSIDE: str(database or "")}).returncode


if __name__ == "__main__":
    sys.exit(main())
