"""`posthouse licence`: issued without a server, installed and shown on one."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from posthouse.cli.local import LocalServer
from posthouse.cli.main import app
from posthouse.licensing import tokens

run = CliRunner()


def issue(folder: Path, *arguments: str) -> tuple[str, list[Ed25519PublicKey]]:
    """Issue a licence as somebody does who has no server; return it, and who is to be trusted."""
    key = str(folder / "issuer.key")
    done = run.invoke(app, ["licence", "issue", "Example Films", "--key", key, *arguments])
    assert done.exit_code == 0, done.output
    from posthouse.licensing import issuing

    return done.stdout.strip(), [issuing.key_at(Path(key))[0].public_key()]


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = tmp_path / "issuer.key"
    first = run.invoke(app, ["license", "issue", "Example Films", "--key", str(key)])
    assert "licence_issuer = " in first.stderr
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    second = run.invoke(app, ["license", "issue", "Example Films", "--key", str(key)])
    assert second.stderr == ""
    _, issuers = issue(tmp_path)
    for done in (first, second):
        assert tokens.read(done.stdout, issuers).licensee == "Example Films"


def test_the_words_become_the_terms(tmp_path: Path) -> None:
    text, issuers = issue(
        tmp_path, "--multi-server", "--seats", "25", "--from", "2026-02-01", "--until", "2026-02-28", "--serial", "x-1"
    )
    terms = tokens.read(text, issuers)
    assert (terms.serial, terms.multi_server, terms.seats, terms.server) == ("x-1", True, 25, None)
    assert terms.begins.isoformat() == "2026-02-01T00:00:00+00:00"
    assert terms.ends.isoformat() == "2026-03-01T00:00:00+00:00", "its last day is the 28th, to its end"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server", "paris"], "no id of a server"),
        (["--from", "2026-02-01", "--until", "2026-01-01"], "cannot end before it begins"),
        (["--serial", "x" * 61], "at most 200 and 60 characters"),
    ],
)
def test_what_makes_no_sense_is_not_issued(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "posthouse.cli", "licence", "issue", "X", "--key", str(tmp_path / "k"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_server_installs_and_shows_its_licence(tmp_path: Path) -> None:
    server = LocalServer("paris", tmp_path / "paris")
    server.init()
    assert "No licence needed" in server.run("licence", "show").stdout
    text, (issuer,) = issue(tmp_path, "--multi-server", "--seats", "25", "--serial", "x-1")
    server.settings["licence_issuer"] = tokens.text_of(issuer)
    lacking = server.run("license", "show", check=False)
    assert lacking.returncode == 1
    assert "paris has no licence" in lacking.stderr
    wrong = server.run("licence", "install", "-", stdin=text[:-9] + "AAAAAAAAA", check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "was changed on its way" in wrong.stderr
    assert "Licence x-1 for Example Films was installed." in server.run("licence", "install", "-", stdin=text).stdout
    shown = json.loads(server.run("licence", "show", "--json").stdout)
    assert (shown["state"], shown["multi_server"], shown["problem"]) == ("valid", True, "")
    assert shown["seats"] == {"used": 0, "limit": 25}
    assert shown["licence"]["serial"] == "x-1"
    assert "Seats: 0 in use, of 25" in server.run("license", "show").stdout
