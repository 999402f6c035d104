"""`posthouse cluster …` where no other server is needed: what is refused, and how it is said."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from posthouse.cli import waiting
from posthouse.cli.errors import Stop
from posthouse.cli.local import LocalServer, free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> LocalServer:
    """A server that was made, but does not run."""
    server = LocalServer("paris", Path(tmp_path_factory.mktemp("paris")))
    server.init()
    return server


def test_the_fingerprint_is_the_one_that_init_showed(tmp_path: Path) -> None:
    server = LocalServer("tokyo", tmp_path)
    said = server.init()
    shown = server.run("cluster", "fingerprint").stdout.strip()
    assert len(re.findall("[a-z]+", shown)) == 16
    assert shown in said


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("test", "nowhere"), "There is no server called nowhere in the Server List."),
        (("sync", "nowhere"), "There is no server called nowhere in the Server List."),
        (("convert", "not an address"), "Type a host name"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(server: LocalServer, command: tuple[str, ...], sentence: str) -> None:
    done = server.run("cluster", *command, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_master_that_does_not_answer_is_a_sentence(server: LocalServer) -> None:
    done = server.run("cluster", "convert", f"127.0.0.1:{free_port()}", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("posthouse: ")
    assert "Traceback" not in done.stderr


def test_the_server_list_and_the_history_can_be_read_by_programs(server: LocalServer) -> None:
    listed = json.loads(server.run("cluster", "status", "--json").stdout)
    assert listed["fingerprint"] == server.run("cluster", "fingerprint").stdout.strip()
    assert [(each["name"], each["role"], each["this"]) for each in listed["servers"]] == [
        ("paris", "Stand-alone", True)
    ]
    assert json.loads(server.run("cluster", "history", "--json").stdout) == {"runs": []}
    assert json.loads(server.run("cluster", "test", "--json").stdout) == {"ok": True, "servers": []}
    assert "Stand-alone" in server.run("cluster", "status").stdout


@dataclass
class WaitingRun:
    """A sync that nobody does, or that is begun and ended at last."""

    looks: int | None = None
    ended_at: datetime | None = None
    fence: int = 0

    def refresh_from_db(self) -> None:
        if self.looks is not None:
            self.looks -= 1
            if self.looks <= 0:
                self.fence, self.ended_at = 1, datetime.now(UTC)


def test_who_waits_for_a_sync_that_nobody_does_is_told_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "HINT_SECONDS", 0.05)
    waiting.wait(WaitingRun(looks=1), "The sync of tokyo")
    assert capsys.readouterr().err == "", "one that is done at once needs no hint"

    monkeypatch.setattr(waiting, "WAIT_SECONDS", 0.3)
    with pytest.raises(Stop, match="Is the server running"):
        waiting.wait(WaitingRun(), "The sync of tokyo")
    assert capsys.readouterr().err == "The sync of tokyo has not begun yet. Is this server running?\n", "once"
