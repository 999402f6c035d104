"""`posthouse cluster …` between real servers: fingerprints, tests and syncs (R13, R22, R23)."""

from __future__ import annotations

from pathlib import Path

import pytest

from posthouse.cli.local import LocalServer
from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD

pytestmark = pytest.mark.acceptance


def test_nothing_is_converted_unless_the_fingerprint_is_the_right_one(cluster: Cluster, tmp_path: Path) -> None:
    paris, _ = cluster
    rio = LocalServer("rio", tmp_path)
    rio.init()
    rio.create_admin("keeper", PASSWORD)
    address = f"127.0.0.1:{paris.port}"

    wrong = rio.run("cluster", "convert", address, "--fingerprint", "AAAA-" * 7 + "AAAA", check=False)
    assert wrong.returncode == 1
    assert "Nothing was changed" in wrong.stderr

    unasked = rio.run("cluster", "convert", address, check=False)
    assert unasked.returncode == 2
    assert "--fingerprint" in unasked.stderr

    right = paris.run("cluster", "fingerprint").stdout.strip()
    assert "is a slave of paris now" in rio.run("cluster", "convert", address, "--fingerprint", right.lower()).stdout


def test_a_test_says_what_works_and_what_does_not(cluster: Cluster) -> None:
    paris, tokyo = cluster
    done = paris.run("cluster", "test", "tokyo")
    assert "FAILED" not in done.stdout
    assert "ok      Identity" in done.stdout

    tokyo.stop()
    try:
        done = paris.run("cluster", "test", "tokyo", check=False)
        assert done.returncode == 1
        assert "FAILED  Port" in done.stdout
    finally:
        tokyo.start()


def test_a_sync_says_what_came_of_it(cluster: Cluster) -> None:
    paris, tokyo = cluster
    assert "tokyo is in sync" in paris.run("cluster", "sync", "tokyo").stdout

    refused = tokyo.run("cluster", "sync", "paris", check=False)
    assert refused.returncode == 1
    assert "not the master" in refused.stderr
