"""A changed rule moves somebody between two real servers, and the next package goes to the new one (M8, R6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posthouse.cli.client import Client
from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

RULES = "server/multi-server/rules/"


def fill_in(admin: Client, **fields: str) -> str:
    """Send the form of the page that has these fields, choosing a server by its name, and return what came."""
    shown = admin.get(RULES)
    form = shown.page.form(*fields)
    values = {name: form.choices.get(name, {}).get(value, value) for name, value in fields.items()}
    return admin.fill_in(shown, values, has=fields).page.text


def test_a_package_sent_after_a_move_goes_to_the_new_home(cluster: Cluster, tmp_path: Path) -> None:
    paris, tokyo = cluster
    note = tmp_path / "note.txt"
    note.write_text("for Greta")
    with paris.client() as admin, paris.client() as alice, tokyo.client() as greta:
        admin.log_in("admin", PASSWORD)
        fill_in(admin, server="paris")
        admin.new_account("greta", "Greta", "greta@asia.example", PASSWORD, "By rule")
        assert json.loads(paris.run("homes", "explain", "greta", "--json").stdout)["stories"][0]["home"] == "paris"

        said = fill_in(admin, name="Asia", email_pattern="@asia[.]", home="tokyo")
        assert "Asia was created" in said
        preview = json.loads(paris.run("homes", "preview", "--json").stdout)
        assert preview["moves"] == [{"user": "greta", "from": "paris", "to": "tokyo", "rule": "Asia", "moved": False}]
        done = json.loads(paris.run("homes", "recalculate", "--yes", "--json").stdout)
        assert (done["moved"], done["ways"]) == (1, [{"from": "paris", "to": "tokyo", "count": 1}])
        paris.run("cluster", "sync", "tokyo")

        alice.log_in("alice", PASSWORD)
        package = alice.send("After the move", ["greta"], {"note.txt": note})
        greta.log_in("greta", PASSWORD)
        until(lambda: greta.has(package), 60)
        rules = tokyo.query("SELECT name, email_pattern FROM homes_rule")
        assert rules == [("Asia", "@asia[.]")]
        refused = tokyo.run("homes", "recalculate", check=False)
        assert (refused.returncode, "Run this on the master, paris" in refused.stderr) == (1, True)
