"""The whole way of a package over two real servers, the first of which dies during the upload (R6, D12)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from urllib3.exceptions import HTTPError

from posthouse.cli import parcels
from posthouse.cli.client import Client
from posthouse.cli.parcels import Parcel
from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD, RealServer, stored
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def _of_its_workers(paris: RealServer) -> None:
    paris.kill("http")


def _of_the_whole_server(paris: RealServer) -> None:
    paris.restart()


@pytest.mark.parametrize("death", [_of_its_workers, _of_the_whole_server])
def test_a_package_arrives_whole_though_the_upload_is_cut_by_the_death(
    cluster: Cluster, film: Parcel, tmp_path: Path, death: Callable[[RealServer], None]
) -> None:
    paris, tokyo = cluster
    with paris.client() as alice, ThreadPoolExecutor(1) as pool:
        alice.log_in("alice", PASSWORD)
        draft = alice.new_package("Film", ["bob"], film.files)
        before = stored(paris)
        upload = pool.submit(alice.upload, draft, film.files, 120)
        until(lambda: stored(paris) > before + film.size // 10, pause=0.002)
        death(paris)
        under_way = stored(paris) - before
        upload.result(120)
        assert under_way < film.size, "the upload was over before the death: nothing was tested"

    target = tmp_path / "film.zip"
    with tokyo.client() as bob:
        bob.log_in("bob", PASSWORD)
        until(lambda: _sees(bob, draft.id), 120)
        bob.fetch(bob.downloads(draft.id)[0], target)
    assert parcels.digests_in(target) == film.digests
    assert stored(paris) - before < film.size * 1.05, "what was cut off was left behind"


def test_an_upload_begun_before_is_gone_on_with_by_another_session(cluster: Cluster, film: Parcel) -> None:
    paris, _ = cluster
    with paris.client() as alice, ThreadPoolExecutor(1) as pool:
        alice.log_in("alice", PASSWORD)
        draft = alice.new_package("Film", ["alice"], film.files)
        upload = pool.submit(alice.upload, draft, film.files, 0.0)  # one that gives up at once
        until(lambda: alice.draft(draft.id).files[0]["offset"] > 0, pause=0.002)
        paris.restart()
        assert upload.exception(60) is not None

    with paris.client() as later:
        later.log_in("alice", PASSWORD)
        again = later.draft(draft.id)
        (file,) = again.files
        assert 0 < file["offset"] < file["size"]
        later.upload(again, film.files)
        assert later.status(draft.id) == "Complete"


def _sees(person: Client, package: str) -> bool:
    try:
        return person.has(package)
    except HTTPError:
        return False
