"""A relay between two real servers goes on after kill -9 of either side, and ends with what was sent (D12)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from urllib3.exceptions import HTTPError

from posthouse.cli import parcels
from posthouse.cli.client import Client
from posthouse.cli.parcels import Parcel
from tests.acceptance.servers import PASSWORD, RealServer, running, until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

SIZE = 300_000_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServer, RealServer]]:
    """Paris, the master with Alice, and its slave tokyo with Bob."""
    folder = tmp_path_factory.mktemp("cluster")
    paris, tokyo = RealServer("paris", folder / "paris"), RealServer("tokyo", folder / "tokyo")
    with running(paris, tokyo):
        paris.create_admin("admin", PASSWORD)
        tokyo.create_admin("keeper", PASSWORD)
        mark = paris.run("cluster", "fingerprint").stdout.strip()
        tokyo.run("cluster", "convert", f"127.0.0.1:{paris.port}", "--fingerprint", mark)
        mark = tokyo.run("cluster", "fingerprint").stdout.strip()
        paris.run("cluster", "add", "tokyo", "127.0.0.1", "--port", str(tokyo.port), "--fingerprint", mark)
        with paris.client() as admin:
            admin.log_in("admin", PASSWORD)
            for login, home in (("alice", "paris"), ("bob", "tokyo")):
                admin.new_account(login, login.title(), f"{login}@example.com", PASSWORD, home)
        paris.run("cluster", "sync", "tokyo")
        yield paris, tokyo


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory) -> Parcel:
    """One large file."""
    return parcels.big(tmp_path_factory.mktemp("parcel"), SIZE)


def at(server: RealServer, login: str) -> Client:
    """Log somebody in."""
    client = server.client()
    client.log_in(login, PASSWORD)
    return client


def arrived_bytes(tokyo: RealServer) -> int:
    """Return how much of the disk tokyo's store takes."""
    store = tokyo.folder / "data" / "store"
    return sum(path.stat().st_blocks * 512 for path in store.rglob("*") if path.is_file())


def sees(person: Client, package: str) -> bool:
    """Whether he can fetch the package; no, while his server is down."""
    try:
        return person.has(package)
    except HTTPError:
        return False


def kill_worker_of_sender(paris: RealServer, tokyo: RealServer) -> None:
    paris.kill("work")


def kill_web_of_receiver(paris: RealServer, tokyo: RealServer) -> None:
    tokyo.kill("web")


def kill_both_servers(paris: RealServer, tokyo: RealServer) -> None:
    paris.kill()
    tokyo.kill()
    tokyo.start()
    paris.start()


@pytest.mark.parametrize("strike", [kill_worker_of_sender, kill_web_of_receiver, kill_both_servers])
def test_a_relay_survives(
    cluster: tuple[RealServer, RealServer],
    parcel: Parcel,
    strike: Callable[[RealServer, RealServer], None],
    tmp_path: Path,
) -> None:
    paris, tokyo = cluster
    with at(tokyo, "bob") as bob, at(paris, "alice") as alice, ThreadPoolExecutor(1) as pool:
        before = arrived_bytes(tokyo)
        sending = pool.submit(alice.send, strike.__name__, ["bob"], parcel.files)
        under_way = 0
        end = time.monotonic() + 120
        while under_way < SIZE // 8:
            assert time.monotonic() < end, "the relay did not start"
            time.sleep(0.002)
            under_way = arrived_bytes(tokyo) - before
        strike(paris, tokyo)
        struck = time.monotonic()
        assert under_way < SIZE, "the relay was over before it was struck: nothing was tested"
        package = sending.result()
        until(lambda: sees(bob, package), 120)
        took = time.monotonic() - struck
        target = tmp_path / "all.zip"
        bob.fetch(next(link for link in bob.downloads(package) if link.endswith("all.zip")), target)
        assert parcels.digests_in(target) == parcel.digests
        until(lambda: alice.status(package) == "Complete", 30)
    assert took < 25, "it went on, but only when a lease had run out"
    assert arrived_bytes(tokyo) - before < SIZE * 1.05, "bytes of an earlier attempt were left behind"
