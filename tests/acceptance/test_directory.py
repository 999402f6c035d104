"""A real directory, a real master and a real slave: connect, import and log in at both (M6), by pages and commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posthouse.cli.browser import ClientError
from posthouse.cli.client import Client
from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD
from tests.directory.certificates import Authority
from tests.directory.slapd import BASE, HOST, Slapd, group, person, tree

pytestmark = pytest.mark.acceptance


def test_people_of_a_directory_get_accounts_and_log_in_at_the_master_and_through_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    paris, tokyo = cluster
    authority = Authority.new()
    directory = Slapd(tmp_path / "slapd", authority)
    directory.load([*tree(), person("emma"), person("fritz"), group("staff", f"uid=emma,ou=people,{BASE}")])
    directory.start()
    try:
        with paris.client() as boss:
            boss.log_in("admin", PASSWORD)
            fields = {
                "name": "office",
                "kind": "ldap",
                "hosts": HOST,
                "port": str(directory.tls_port),
                "authorities": authority.pem,
                "bind_name": f"cn=reader,{BASE}",
                "password": "read it",
                "bases": BASE,
            }
            boss.fill_in(boss.get("server/directories/new/"), fields, has=["bind_name"])
            tested = paris.run("directory", "test", "office")
            assert "FAILED" not in tested.stdout
            seen = json.loads(paris.run("directory", "import", "office", "--preview", "--json").stdout)
            assert (seen["added"], seen["result"]) == (2, "OK")
            assert "2 seen, 2 added" in paris.run("directory", "import", "office").stdout
            assert "OK" in paris.run("directory", "list").stdout
            _move(boss, "fritz", "tokyo")
        paris.run("cluster", "sync", "tokyo")
        with paris.client() as emma:
            emma.log_in("emma", "secret of emma")
            with pytest.raises(ClientError):
                emma.log_in("emma", "secret of fritz")
        with tokyo.client() as fritz:
            fritz.log_in("fritz", "secret of fritz")
            with pytest.raises(ClientError):
                fritz.log_in("fritz", "secret of emma")
        for server in cluster:
            assert "secret of" not in server.said(), "no password is logged"
    finally:
        directory.stop()
    failed = paris.run("directory", "import", "office", check=False)
    assert (failed.returncode, "Nothing answers at" in failed.stderr) == (1, True)
    assert paris.run("directory", "list", "--json", check=False).returncode == 1


def _move(boss: Client, login: str, to: str) -> None:
    """Make another server the home of somebody, as an administrator does."""
    listed = boss.get(f"accounts/?q={login}")
    place = next(link for link in listed.page.links if "/accounts/" in link and link.count("-") >= 4)
    page = boss.get(place.split("/aspera/faspex/", 1)[1])
    home = page.page.form("role", "home").choices["home"][to]
    boss.fill_in(page, {"home": home}, has=["home"])
