"""Servers and things to send that several files of tests share: making them takes longer than most tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from posthouse.cli import parcels
from posthouse.cli.parcels import Parcel
from tests.acceptance.servers import PASSWORD, RealServer, join, make_people, running

_films = itertools.count(1)
Cluster = tuple[RealServer, RealServer]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Paris, the master, with Alice; its slave Tokyo with Bob. Both run, and each test leaves them running."""
    folder = tmp_path_factory.mktemp("cluster")
    paris, tokyo = RealServer("paris", folder / "paris"), RealServer("tokyo", folder / "tokyo")
    with running(paris, tokyo):
        paris.create_admin("admin", PASSWORD)
        join(paris, tokyo)
        make_people(paris, {"alice": "paris", "bob": "tokyo"})
        paris.run("cluster", "sync", "tokyo")
        yield paris, tokyo


@pytest.fixture
def film(tmp_path: Path) -> Parcel:
    """One file, large enough to be caught on the way; each time another one, for a server is not sent what it has."""
    return parcels.big(tmp_path / "film", 300_000_000, next(_films))
