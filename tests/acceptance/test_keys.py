"""Three real servers: keys are rotated while they run, and a removed server is refused by all within one sync (D7)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.servers import PASSWORD, RealServer, join, running
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


def steps(server: RealServer, other: str) -> dict[str, str]:
    """Test the way to another server, and return what failed: step → cure."""
    told = json.loads(server.run("cluster", "test", other, "--json", check=False).stdout)
    return {step["step"]: step["cure"] for step in told["servers"][0]["steps"] if not step["ok"]}


def test_keys_come_and_go_and_a_removed_server_is_shut_out(tmp_path: Path) -> None:
    paris, tokyo, rio = (RealServer(name, tmp_path / name) for name in ("paris", "tokyo", "rio"))
    with running(paris, tokyo, rio):
        paris.create_admin("admin", PASSWORD)
        join(paris, tokyo, rio)
        for slave in ("tokyo", "rio"):
            paris.run("cluster", "sync", slave)

        # The master's key, while everything runs.
        first = paris.run("cluster", "fingerprint").stdout
        for step in ("begin", "switch", "retire"):
            paris.run("cluster", "keys", step)
        assert paris.run("cluster", "fingerprint").stdout != first
        assert steps(paris, "tokyo") == steps(tokyo, "paris") == {}

        # A slave's key: the other slave learns it by the Server List.
        rio.run("cluster", "keys", "begin")
        until(lambda: rio.run("cluster", "keys", "switch", check=False).returncode == 0, pause=1)
        assert steps(rio, "tokyo") == steps(tokyo, "rio") == {}

        # The master's key was stolen while tokyo is away: it hears of it when it is back.
        tokyo.stop()
        replaced = paris.run("cluster", "keys", "replace", check=False)
        assert "tokyo was not told" in replaced.stderr
        assert steps(paris, "rio") == {}
        tokyo.start()
        paris.run("cluster", "keys", "tell")
        assert steps(paris, "tokyo") == {}

        # Rio is removed: tokyo refuses it after its next sync.
        assert "--yes" in paris.run("cluster", "remove", "rio", check=False).stderr
        paris.run("cluster", "remove", "rio", "--yes")
        paris.run("cluster", "sync", "tokyo")
        assert "rio was removed from this cluster" in steps(rio, "tokyo")["Signature there"]
        assert "rio was removed from this cluster" in steps(rio, "paris")["Signature there"]
        rio.run("cluster", "reset", "--yes")
        assert json.loads(rio.run("cluster", "status", "--json").stdout)["servers"][0]["role"] == "Stand-alone"
