"""What people do with packages from the command line, over two servers: private recipients, CC, what comes after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD, RealServer
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def test_a_package_is_sent_listed_passed_on_put_aside_and_recalled(cluster: Cluster, tmp_path: Path) -> None:
    paris, tokyo = cluster
    password, plan = tmp_path / "password", tmp_path / "plan.txt"
    password.write_text(f"{PASSWORD}\n")
    plan.write_text("a plan")

    def run(server: RealServer, user: str, command: str, *more: str, check: bool = True) -> Any:
        there = ["--server", server.address, "--certificate", str(server.certificate), "--user", user]
        return server.run(command, *there, "--password-file", str(password), *more, check=check)

    def rows(server: RealServer, user: str, *more: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(run(server, user, "list", "--json", *more).stdout)["packages"]
        return found

    people = ["--to", "alice", "--private", "bob", "--cc-upload", "ulla@outside.example", "--cc-receipt", "admin"]
    said = run(paris, "alice", "send", *people, "--cc-download", "bob", "--title", "Quince plan", str(plan)).stdout
    package = said.split()[1].rstrip(":")
    sent = rows(paris, "alice", "sent", "--search", "quince")
    assert [(row["package"], sorted(row["to"])) for row in sent] == [(package, ["Alice", "Bob"])]
    copies = "SELECT event FROM packages_cc WHERE package_id = '{}' ORDER BY event"
    key = package if paris.database_url else package.replace("-", "")
    assert paris.query(copies.format(key)) == [("download",), ("receipt",), ("upload",)]
    until(lambda: bool(rows(tokyo, "bob", "--search", "quince")), 60)

    run(tokyo, "bob", "archive", package)
    assert not rows(tokyo, "bob", "--search", "quince")
    assert rows(tokyo, "bob", "archive", "--search", "quince")
    said = run(tokyo, "bob", "archive", "--back", package).stdout
    assert "among your received packages again" in said

    said = run(tokyo, "bob", "forward", "--to", "bob", "--note", "from me", package).stdout
    assert "Nothing was uploaded once more" in said
    assert [row["title"] for row in rows(tokyo, "bob", "sent")][:1] == ["Quince plan"]

    refused = run(tokyo, "bob", "recall", "--yes", package, check=False)
    assert (refused.returncode, "not yours" in refused.stderr) == (1, True)
    assert "was recalled" in run(paris, "alice", "recall", "--yes", package).stdout
    assert "ended already" in run(paris, "alice", "recall", "--yes", package, check=False).stderr
    until(lambda: package not in {row["package"] for row in rows(tokyo, "bob", "--search", "quince")}, 60)
    forwarded = next(row["package"] for row in rows(tokyo, "bob", "--search", "quince"))
    assert "not in your list" in run(tokyo, "bob", "delete", "--yes", forwarded).stdout
    refused = run(paris, "alice", "send", "--private", "nobody-here", "--title", "T", str(plan), check=False)
    assert "Nobody here is called" in refused.stderr
