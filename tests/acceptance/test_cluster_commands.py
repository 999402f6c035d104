"""`posthouse cluster …` between real servers: fingerprints, tests and syncs (R13, R22, R23)."""

from __future__ import annotations

import json
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

    wrong = rio.run("cluster", "convert", address, "--fingerprint", "acid-acid-acid-acid " * 4, check=False)
    assert wrong.returncode == 1
    assert "Nothing was changed" in wrong.stderr

    unasked = rio.run("cluster", "convert", address, check=False)
    assert unasked.returncode == 2
    assert "--fingerprint" in unasked.stderr

    right = paris.run("cluster", "fingerprint").stdout.strip()
    assert "is a slave of paris now" in rio.run("cluster", "convert", address, "--fingerprint", right.upper()).stdout


def test_a_test_says_what_works_and_what_does_not(cluster: Cluster) -> None:
    paris, tokyo = cluster
    done = paris.run("cluster", "test", "tokyo")
    assert "FAILED" not in done.stdout
    for step in ("Name", "Port", "TLS", "URL namespace", "Identity", "Version", "Role", "Signature there"):
        assert f"ok      {step}: " in done.stdout
    for step in ("Signature back", "Clock", "Free disk", "Relay endpoint"):
        assert f"ok      {step}: " in done.stdout

    tokyo.stop()
    try:
        done = paris.run("cluster", "test", "tokyo", check=False)
        assert done.returncode == 1
        assert "FAILED  Port" in done.stdout
        told = json.loads(paris.run("cluster", "test", "tokyo", "--json", check=False).stdout)
        assert [step["step"] for step in told["servers"][0]["steps"]] == ["Name", "Port"]
        assert not told["ok"]
    finally:
        tokyo.start()


def test_a_sync_says_what_came_of_it(cluster: Cluster) -> None:
    paris, tokyo = cluster
    assert "tokyo is in sync" in paris.run("cluster", "sync", "tokyo").stdout
    told = json.loads(paris.run("cluster", "sync", "tokyo", "--json").stdout)
    assert (told["server"], told["kind"], told["result"], told["error"]) == ("tokyo", "Manual", "OK", "")
    newest = json.loads(paris.run("cluster", "history", "--server", "tokyo", "--limit", "1", "--json").stdout)
    assert newest["runs"] == [told]
    there = json.loads(paris.run("cluster", "status", "--json").stdout)["servers"][1]
    assert (there["name"], there["role"], there["status"], there["reason"]) == ("tokyo", "Slave", "OK", "")

    refused = tokyo.run("cluster", "sync", "paris", check=False)
    assert refused.returncode == 1
    assert "not the master" in refused.stderr
