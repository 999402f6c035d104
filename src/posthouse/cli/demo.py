"""`posthouse demo`: three servers on this machine, joined to a cluster, and packages that travel between them."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from posthouse.cli import parcels
from posthouse.cli.administrator import Administrator
from posthouse.cli.browser import ClientError
from posthouse.cli.client import Client
from posthouse.cli.local import HOST, LocalServer, ServerFailed
from posthouse.cli.parcels import Parcel

PASSWORD = "correct horse battery"  # noqa: S105 - for servers that only this machine reaches
ADMIN = "admin"
PEOPLE = {"alice": "paris", "bob": "tokyo", "carla": "rio"}
ARRIVE_SECONDS = 120.0
T = TypeVar("T")


class Unequal(Exception):
    """What arrived is not what was sent."""


class Story:
    """Prints what happens, with the time that each step took."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._lock = threading.Lock()

    def chapter(self, title: str) -> None:
        """Print a heading."""
        self.console.print(f"\n[bold]{escape(title)}[/bold]")

    @contextmanager
    def step(self, text: str, size: int = 0) -> Iterator[None]:
        """Print a step when it is done, with its seconds and, for `size` bytes, its rate."""
        start = time.monotonic()
        yield
        self.told(text, time.monotonic() - start, size)

    def told(self, text: str, seconds: float, size: int = 0) -> None:
        """Print a step that took some seconds."""
        rate = f"  {size / seconds / 1e6:,.0f} MB/s" if size else ""
        with self._lock:
            self.console.print(f"  [green]✓[/green] {escape(text)} [dim]{seconds:6.2f} s{rate}[/dim]")


def demo(folder: Path | None) -> int:
    """Tell the story and return the exit code: 1 when a package arrived other than it was sent.

    At a terminal the servers go on until Ctrl-C. They are stopped in any case.
    """
    story = Story()
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="posthouse-demo-")))
        servers = {name: LocalServer(name, folder / name) for name in ("paris", "tokyo", "rio")}
        stack.callback(lambda: _together(LocalServer.stop, servers.values()))
        try:
            start = time.monotonic()
            _tell(story, servers, folder)
        except (ClientError, ServerFailed, Unequal) as error:
            story.console.print(f"\n[bold red]{escape(str(error))}[/bold red]")
            return 1
        story.console.print(f"\n[bold]All is well[/bold] after {time.monotonic() - start:.0f} s.")
        _addresses(story, servers)
        if sys.stdin.isatty() and sys.stdout.isatty():
            _until_interrupted(story, servers)
    return 0


def _tell(story: Story, servers: Mapping[str, LocalServer], folder: Path) -> None:
    paris, *slaves = servers.values()

    story.chapter("Three servers")
    with story.step("made: settings, keys, certificates, databases, an administrator each"):
        _together(_make, servers.values())
    with story.step("started"):
        for server in servers.values():
            server.start(wait=False)
        _together(LocalServer.wait_ready, servers.values())

    story.chapter("One cluster")
    with ExitStack() as stack:
        admins = {server.name: stack.enter_context(_administrator(server)) for server in servers.values()}
        _join(story, paris, admins, slaves)

    big, many = folder / "big", folder / "many"
    with story.step("files made"):
        parcel_big, parcel_many = parcels.big(big), parcels.many(many)
    for parcel, title in ((parcel_big, "One file of 256 MB"), (parcel_many, "200 files in folders")):
        story.chapter(f"{title}: from Alice to Bob and Carla")
        _send(story, servers, parcel, title)


def _make(server: LocalServer) -> None:
    server.init()
    server.create_admin(_admin_of(server), PASSWORD)


def _admin_of(server: LocalServer) -> str:
    """The slaves' administrators stay as local accounts, so they are called otherwise than the whole domain's."""
    return ADMIN if server.name == "paris" else f"{server.name}-{ADMIN}"


def _administrator(server: LocalServer) -> Administrator:
    administrator = Administrator(server.address, server.certificate)
    administrator.log_in(_admin_of(server), PASSWORD)
    return administrator


def _join(story: Story, paris: LocalServer, admins: Mapping[str, Administrator], slaves: list[LocalServer]) -> None:
    """Do by the pages what two administrators do who talk on the telephone."""
    master = admins[paris.name]
    with story.step("tokyo and rio converted to slaves of paris, fingerprints compared"):
        for slave in slaves:
            admins[slave.name].convert(slave.name, f"{HOST}:{paris.port}", master.fingerprint())
    with story.step("added at paris, the master"):
        for slave in slaves:
            master.add(slave.name, HOST, slave.port, admins[slave.name].fingerprint())
    with story.step("tested: names, ports, certificates, identities, signatures, clocks, versions"):
        for slave in slaves:
            master.test(slave.name)
    with story.step("Alice@paris, Bob@tokyo and Carla@rio made at the master"):
        for login, home in PEOPLE.items():
            master.new_account(login, login.title(), f"{login}@example.com", PASSWORD, home)
    with story.step("synced, and the copies proven equal by digest"):
        for slave in slaves:
            master.sync(slave.name)


def _send(story: Story, servers: Mapping[str, LocalServer], parcel: Parcel, title: str) -> None:
    with servers["paris"].client() as alice:
        alice.log_in("alice", PASSWORD)
        with story.step("Alice uploaded it to paris", parcel.size):
            package = alice.send(title, ["bob", "carla"], parcel.files)
        sent = time.monotonic()
        _together(lambda login: _fetch(story, servers, login, package, parcel, sent), ["bob", "carla"])
        status = alice.status(package)
    if status != "Complete":
        raise Unequal(f"The package has arrived, but its status at paris is {status}.")


def _fetch(
    story: Story, servers: Mapping[str, LocalServer], login: str, package: str, parcel: Parcel, sent: float
) -> None:
    server = servers[PEOPLE[login]]
    with server.client() as person:
        person.log_in(login, PASSWORD)
        _wait(lambda: person.has(package), f"The package did not arrive at {server.name}.")
        story.told(f"relayed to {server.name}", time.monotonic() - sent, parcel.size)
        target = server.folder / f"{package}.zip"
        with story.step(f"{login.title()} fetched it at {server.name}", parcel.size):
            _download(person, package, target)
    with story.step(f"what {login.title()} has is what Alice sent"):
        if parcels.digests_in(target) != parcel.digests:
            raise Unequal(f"What {login.title()} fetched at {server.name} is not what Alice sent.")
    target.unlink()


def _download(person: Client, package: str, target: Path) -> None:
    whole = next((link for link in person.downloads(package) if link.endswith("all.zip")), None)
    if whole is None:
        raise Unequal(f"The page of package {package} offers nothing to fetch.")
    person.fetch(whole, target)


def _wait(condition: Callable[[], bool], complaint: str) -> None:
    end = time.monotonic() + ARRIVE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise Unequal(complaint)
        time.sleep(0.1)


def _together(work: Callable[[T], object], things: Iterable[T]) -> None:
    """Do the work for each of the things at the same time, and raise what went wrong first."""
    things = list(things)
    with ThreadPoolExecutor(len(things)) as pool:
        for _ in pool.map(work, things):
            pass


def _addresses(story: Story, servers: Mapping[str, LocalServer]) -> None:
    table = Table("Server", "Address", "Log in as", box=None, header_style="bold", pad_edge=False)
    at_home = {home: login for login, home in PEOPLE.items()}
    for server in servers.values():
        table.add_row(server.name, server.address, f"{at_home[server.name]} or {ADMIN}")
    story.console.print()
    story.console.print(table)
    story.console.print(f'The password of all of them: "{PASSWORD}"')


def _until_interrupted(story: Story, servers: Mapping[str, LocalServer]) -> None:
    story.console.print("\nThe servers run until you press Ctrl-C. Browsers will warn of the self-made certificates.")
    try:
        while all(server.process and server.process.poll() is None for server in servers.values()):
            time.sleep(0.5)
    except KeyboardInterrupt:
        os.write(sys.stdout.fileno(), b"\n")
