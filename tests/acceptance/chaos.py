"""People send packages between servers whose processes are killed all the time; in the end nothing is lost (D12).

`python -m tests.acceptance.chaos --minutes 5 --seed 7` (or `make chaos ARGS=…`) goes on for as long as asked.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar
from uuid import uuid4

from urllib3.exceptions import HTTPError

from posthouse.cli import parcels
from posthouse.cli.browser import ClientError
from posthouse.cli.client import Client
from posthouse.cli.patience import Patience
from tests.acceptance.hooligan import Hooligan
from tests.acceptance.post import Letter, Post, accounts, litter
from tests.acceptance.servers import PASSWORD, RealServer, join, make_people, running

CITIES = ("paris", "tokyo", "rio")
PATIENCE_SECONDS = 120.0
"""How long a client goes on without getting on."""
ARRIVAL_SECONDS = 240.0
"""How long after the last blow everything must have arrived: a link that failed many times waits for a while."""
T = TypeVar("T")


class Chaos:
    """One cluster, its people, and one who kills. With the same seed he throws the same dice."""

    def __init__(
        self, folder: Path, cities: int, seed: int, *, files: int, size: int, say: Callable[[str], None]
    ) -> None:
        self.servers = {name: RealServer(name, folder / name) for name in CITIES[:cities]}
        for server in self.servers.values():
            # Syncs often, and however often one fails it is tried again: nobody is there to start one by hand.
            server.settings = {"sync_seconds": "5", "sync_failures": "1000", "log": "text"}
        self.people = dict(zip(("alice", "bob", "carla"), self.servers, strict=False))
        self.complaints: list[str] = []
        self.parcels = [parcels.big(folder / "big", size), parcels.many(folder / "many", files, 40_000)]
        self.folder = folder
        self.post = Post(self.people)
        self.hooligan = Hooligan(list(self.servers.values()), seed, say)
        self.litter = 0
        """Files in the stores that no record knows: the sweep would remove them after a day."""
        self.settled = 0.0
        """Seconds from the end of the killing until all was fetched."""
        self._random = Random(seed)
        self._closing_time = threading.Event()
        self._end = threading.Event()

    def run(self, seconds: float, pause: float) -> list[str]:
        """Let it all happen for so long, with a blow each `pause` seconds, and return what went wrong."""
        paris, *slaves = self.servers.values()
        with running(paris, *slaves):
            paris.create_admin("admin", PASSWORD)
            join(paris, *slaves)
            make_people(paris, self.people)
            for slave in slaves:
                paris.run("cluster", "sync", slave.name)
            with self._at_work():
                self.hooligan.rampage(seconds, pause)
                self.hooligan.make_peace()
                self._closing_time.set()
                calm = time.monotonic()
            self.settled = time.monotonic() - calm
            self._check_copies()
            for server in (paris, *slaves):
                if server.stop():
                    self.complaints.append(f"{server.name} did not stop cleanly")
                if left := server.processes():
                    self.complaints.append(f"{len(left)} processes of {server.name} were left over")
                self.complaints += self.post.complaints(server)
                self.litter += litter(server)
        return self.hooligan.complaints + self.complaints

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Have everybody send and fetch meanwhile; leave when all is fetched, or should be."""
        with ThreadPoolExecutor(2 * len(self.people) + 1) as pool:
            senders: list[Future[None]] = []
            others: list[Future[None]] = [pool.submit(self._hire)]
            for login in self.people:
                senders.append(pool.submit(self._send, login, Random(self._random.random())))
                others.append(pool.submit(self._fetch, login))
            try:
                yield
                wait(senders)
                over = time.monotonic() + ARRIVAL_SECONDS
                while self.post.awaited() and time.monotonic() < over and not any(one.done() for one in others[1:]):
                    time.sleep(0.1)
            finally:
                self._closing_time.set()
                self._end.set()
        for one in (*senders, *others):
            if error := one.exception():
                self.complaints.append("".join(traceback.format_exception(error)))
        for login, package in self.post.awaited():
            self.complaints.append(f"package {package} did not reach {login}")

    def _send(self, login: str, random: Random) -> None:
        """Send one package after another, to everybody else or to some, until it is closing time."""
        with self._client(login) as person:
            others = [other for other in self.people if other != login]
            while not self._closing_time.is_set():
                recipients = random.sample(others, random.randint(1, len(others)))
                letter = Letter(login, tuple(recipients), random.choice(self.parcels))
                draft = insist(partial(person.new_package, "Rushes", recipients, letter.parcel.files, key=uuid4().hex))
                self.post.letters[draft.id] = letter
                person.upload(draft, letter.parcel.files, PATIENCE_SECONDS)
                self._closing_time.wait(random.uniform(0, 2))

    def _fetch(self, login: str) -> None:
        """Fetch whatever Received shows as soon as it shows it. All of it must be there, and equal."""
        with self._client(login) as person:
            while not self._end.is_set():
                for package in insist(person.received):
                    if (login, package) not in self.post.fetched:
                        self._fetch_one(person, login, package)
                self._end.wait(0.3)

    def _fetch_one(self, person: Client, login: str, package: str) -> None:
        letter = self.post.letters.get(package)
        if letter is None or login not in letter.recipients:
            raise AssertionError(f"{login} sees package {package}, which nobody sent to him")
        target = self.folder / f"{login}-{package}.zip"
        links = insist(lambda: person.downloads(package))
        person.fetch(next(link for link in links if link.endswith("all.zip")), target, PATIENCE_SECONDS)
        if parcels.digests_in(target) != letter.parcel.digests:
            raise AssertionError(f"what {login} fetched of package {package} is not what was sent")
        target.unlink()
        self.post.fetched.add((login, package))

    def _hire(self) -> None:
        """Make accounts at the master meanwhile, which the syncs carry to the slaves."""
        with self.servers["paris"].client() as admin:
            insist(lambda: admin.log_in("admin", PASSWORD))
            number = 0
            while not self._closing_time.wait(2):
                number += 1
                insist(partial(self._account, admin, f"guest{number}"))

    def _account(self, admin: Client, login: str) -> None:
        """Make an account, unless it is there already: the answer to the last try may have been lost."""
        if login not in admin.get(f"accounts/?q={login}").page.text:
            admin.new_account(login, login.title(), f"{login}@example.com", PASSWORD, self._random.choice(CITIES[:2]))

    @contextmanager
    def _client(self, login: str) -> Iterator[Client]:
        with self.servers[self.people[login]].client() as client:
            insist(lambda: client.log_in(login, PASSWORD))
            yield client

    def _check_copies(self) -> None:
        """Have all slaves the master's accounts, without anybody's help?"""
        paris, *slaves = self.servers.values()
        wanted = accounts(paris)
        over = time.monotonic() + 60
        for slave in slaves:
            while accounts(slave) != wanted:
                if time.monotonic() > over:
                    self.complaints.append(f"the accounts of {slave.name} are not those of the master")
                    break
                time.sleep(0.2)


def insist(work: Callable[[], T]) -> T:
    """Do what a client wants until it works, as far as waiting may help."""
    patience = Patience(PATIENCE_SECONDS)
    while True:
        try:
            return work()
        except (HTTPError, OSError, ClientError) as error:
            patience.wait(error)


def main() -> int:
    """Run it for as long as asked; the exit code is 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long processes are killed")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the dice")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two kills on average")
    parser.add_argument("--servers", type=int, choices=(2, 3), default=3)
    asked = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="posthouse-chaos-", ignore_cleanup_errors=True) as folder:
        print(f"Seed {asked.seed}, {asked.servers} servers, {asked.minutes:g} minutes", flush=True)
        chaos = Chaos(
            Path(folder),
            asked.servers,
            asked.seed,
            files=200,
            size=40_000_000,
            say=lambda line: print(line, flush=True),
        )
        complaints = chaos.run(asked.minutes * 60, asked.pause)
        print(summary(chaos), f"Seed {asked.seed}, {time.monotonic() - start:.0f} s.")
        for complaint in complaints:
            print(f"WRONG: {complaint}")
        if complaints:
            for server in chaos.servers.values():
                print(f"\nThe end of the log of {server.name}:\n{server.log.read_text()[-3000:]}")
    print("Something went wrong." if complaints else "All packages were delivered once, and equal.")
    return bool(complaints)


def summary(chaos: Chaos) -> str:
    """Return what happened in a line."""
    blows = ", ".join(f"{count} x {kind}" for kind, count in sorted(chaos.hooligan.kills.items()))
    return (
        f"{len(chaos.post.letters)} packages sent, {len(chaos.post.fetched)} times fetched,"
        f" the last {chaos.settled:.0f} s after the killing; kill -9: {blows};"
        f" {chaos.litter} files left that nobody knows."
    )


if __name__ == "__main__":
    sys.exit(main())
