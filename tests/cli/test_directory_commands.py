"""`posthouse directory …` without a directory: what is refused, and how it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posthouse.cli.local import LocalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> LocalServer:
    """A server that was made, but does not run."""
    server = LocalServer("paris", Path(tmp_path_factory.mktemp("paris")))
    server.init()
    return server


def test_a_server_without_directories_lists_none(server: LocalServer) -> None:
    assert json.loads(server.run("directory", "list", "--json").stdout) == {"directories": []}
    assert server.run("directory", "list").stdout.split()[:2] == ["Name", "Kind"]


@pytest.mark.parametrize("command", ["test", "import"])
def test_a_name_that_no_directory_has_is_a_sentence(server: LocalServer, command: str) -> None:
    done = server.run("directory", command, "nowhere", check=False)
    assert done.returncode == 1
    assert "There is no directory called nowhere." in done.stderr
    assert "Traceback" not in done.stderr
