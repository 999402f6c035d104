"""A relay between two real servers goes on after kill -9 of either side, and ends with what was sent (D12)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from urllib3.exceptions import HTTPError

from posthouse.cli import parcels
from posthouse.cli.client import Client
from posthouse.cli.parcels import Parcel
from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD, RealServer, stored
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

SLOW = 200
"""Mbit/s: the film takes twelve seconds at least."""


def at(server: RealServer, login: str) -> Client:
    """Log somebody in."""
    client = server.client()
    client.log_in(login, PASSWORD)
    return client


def sees(person: Client, package: str) -> bool:
    """Whether he can fetch the package; no, while his server is down."""
    try:
        return person.has(package)
    except HTTPError:
        return False


def limit(server: RealServer, mbit: int | None) -> None:
    """Have the relays of a server go so fast at most, so that there is time to strike on the fastest of machines."""
    server.execute("DELETE FROM relays_relaylimits")
    if mbit is not None:
        server.execute(
            "INSERT INTO relays_relaylimits (bandwidth, marked, zone, cut_through)"
            f" VALUES ({mbit}, '{'0' * 168}', 'UTC', FALSE)"
        )


def lease_end(server: RealServer) -> Any:
    """Return when the lease on the relay that is under way runs out, if it is not renewed."""
    return server.query("SELECT lease_until FROM relays_relay WHERE state = 'active'")[0][0]


def last_begun(server: RealServer, package: str) -> Any:
    """Return when the last attempt at a relay began."""
    rows = server.query("SELECT package_id, started_at FROM relays_relay")
    return next(begun for found, begun in rows if UUID(str(found)) == UUID(package))


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
    cluster: Cluster,
    film: Parcel,
    strike: Callable[[RealServer, RealServer], None],
    tmp_path: Path,
) -> None:
    paris, tokyo = cluster
    with at(tokyo, "bob") as bob, at(paris, "alice") as alice, ThreadPoolExecutor(1) as pool:
        limit(paris, SLOW)
        before = stored(tokyo)
        sending = pool.submit(alice.send, strike.__name__, ["bob"], film.files)
        under_way = 0
        end = time.monotonic() + 120
        while under_way < film.size // 8:
            assert time.monotonic() < end, "the relay did not start"
            time.sleep(0.05)
            under_way = stored(tokyo) - before
        leased_until = lease_end(paris)
        strike(paris, tokyo)
        limit(paris, None)
        assert under_way < film.size, "the relay was over before it was struck: nothing was tested"
        package = sending.result()
        until(lambda: sees(bob, package), 120)
        target = tmp_path / "all.zip"
        bob.fetch(next(link for link in bob.downloads(package) if link.endswith("all.zip")), target)
        assert parcels.digests_in(target) == film.digests
        until(lambda: alice.status(package) == "Complete", 30)
    assert last_begun(paris, package) < leased_until, "it went on, but only when a lease had run out"
    assert stored(tokyo) - before < film.size * 1.05, "bytes of an earlier attempt were left behind"
