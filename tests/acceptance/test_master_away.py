"""While the master is away, people log in at their slaves and send; what it must decide is refused in words (D5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD
from tests.waiting import until

pytestmark = pytest.mark.acceptance


def test_a_slave_goes_on_without_its_master(cluster: Cluster, tmp_path: Path) -> None:
    paris, tokyo = cluster
    note = tmp_path / "note.txt"
    note.write_text("Nothing of this needs Paris.")
    paris.stop()
    try:
        with tokyo.client() as bob:
            bob.log_in("bob", PASSWORD)
            package = bob.send("To myself", ["bob"], {"note.txt": note})
            until(lambda: bob.status(package) == "Complete")
            bob.fetch(bob.downloads(package)[-1], tmp_path / "back.txt")
            assert (tmp_path / "back.txt").read_text() == note.read_text()

            profile = bob.get("profile/")
            asked = bob.fill_in(profile, {"time_zone": "Asia/Tokyo", "mails": "none", "rows": "100"})
            assert "Your preferences were not changed: the master, paris," in asked.page.text
        assert tokyo.query("SELECT time_zone, mails FROM accounts_user WHERE login = 'bob'") == [("", "every")]
    finally:
        paris.start()
    with tokyo.client() as bob:
        bob.log_in("bob", PASSWORD)
        asked = bob.fill_in(bob.get("profile/"), {"time_zone": "Asia/Tokyo", "mails": "none", "rows": "100"})
        assert "Your preferences were changed." in asked.page.text
    chosen = "SELECT time_zone, mails FROM accounts_user WHERE login = 'bob'"
    assert tokyo.query(chosen) == paris.query(chosen) == [("Asia/Tokyo", "none")], "on both at once"
