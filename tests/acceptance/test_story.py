"""The whole way of a package over two real servers, with every kind of sudden death on the way (D12)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from posthouse.cli import parcels
from posthouse.cli.parcels import Parcel
from tests.acceptance.servers import PASSWORD, RealServer, join, make_people, running, until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SIZE = 400_000_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServer, RealServer]]:
    """Paris, the master, with Alice; Tokyo, its slave, with Bob."""
    folder = tmp_path_factory.mktemp("cluster")
    paris, tokyo = RealServer("paris", folder / "paris"), RealServer("tokyo", folder / "tokyo")
    with running(paris, tokyo):
        paris.create_admin("admin", PASSWORD)
        join(paris, tokyo)
        make_people(paris, {"alice": "paris", "bob": "tokyo"})
        paris.run("cluster", "sync", "tokyo")
        yield paris, tokyo


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Parcel:
    """A file large enough to be caught on the way."""
    return parcels.big(tmp_path_factory.mktemp("film"), SIZE)


def _stored(server: RealServer) -> int:
    """Return the bytes that a server's store really holds on the disk."""
    store = server.folder / "data" / "store"
    return sum(path.stat().st_blocks * 512 for path in store.rglob("*") if path.is_file())


def _fetched(tokyo: RealServer, package: str, target: Path) -> dict[str, str]:
    with tokyo.client() as bob:
        bob.log_in("bob", PASSWORD)
        until(lambda: bob.has(package), 120)
        bob.fetch(bob.downloads(package)[0], target)
    return parcels.digests_in(target)


def test_a_package_arrives_whole_though_the_server_dies_during_the_upload(
    cluster: tuple[RealServer, RealServer], film: Parcel, tmp_path: Path
) -> None:
    paris, tokyo = cluster
    with paris.client() as alice, ThreadPoolExecutor(1) as pool:
        alice.log_in("alice", PASSWORD)
        draft = alice.new_package("Film", ["bob"], film.files)
        before = _stored(paris)
        upload = pool.submit(alice.upload, draft, film.files, 120)
        until(lambda: _stored(paris) > before + SIZE // 10)
        paris.restart()
        assert not upload.done() or upload.exception() is None
        upload.result(120)
    assert _fetched(tokyo, draft.id, tmp_path / "film.zip") == film.digests


@pytest.mark.parametrize("victim", ["paris", "tokyo"])
def test_a_package_arrives_whole_though_a_server_dies_during_the_relay(
    cluster: tuple[RealServer, RealServer], film: Parcel, tmp_path: Path, victim: str
) -> None:
    paris, tokyo = cluster
    with paris.client() as alice:
        alice.log_in("alice", PASSWORD)
        before = _stored(tokyo)
        package = alice.send("Film", ["bob"], film.files)
        until(lambda: _stored(tokyo) > before + SIZE // 20)
        {"paris": paris, "tokyo": tokyo}[victim].restart()
        with tokyo.client() as bob:
            bob.log_in("bob", PASSWORD)
            until(lambda: bob.has(package), 120)
            assert _fetched(tokyo, package, tmp_path / "film.zip") == film.digests
        until(lambda: alice.status(package) == "Complete", 60)
