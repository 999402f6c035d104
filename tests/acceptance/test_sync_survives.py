"""Syncs between real servers that are killed, cut off and answered too late in the middle: in the end all are equal."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import bridge
from tests.acceptance.lines import Line, private_network
from tests.acceptance.servers import PASSWORD, RealServer, join, make_people, running
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

PEOPLE = 12_000
"""So many that a sync takes several batches."""
COLUMNS = "id, login, name, email, role, is_active, password, home_id"
BEFORE = f"SELECT {COLUMNS} FROM accounts_user WHERE NOT local AND removed_at IS NULL ORDER BY login"


class Servers:
    """Paris, the master, and its slave Tokyo."""

    def __init__(self, paris: RealServer, tokyo: RealServer) -> None:
        self.paris, self.tokyo = paris, tokyo
        self.batch = 0

    def change(self) -> None:
        """Make new people at the master by the thousands, rename those who are there, and remove some of them."""
        self.batch += 1
        new, numbers = (
            ("gen_random_uuid()", f"generate_series(1, {PEOPLE}) AS series(n)")
            if self.paris.database_url
            else (
                "lower(hex(randomblob(16)))",
                f"(WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {PEOPLE}) SELECT n FROM r)",
            )
        )
        given = {"id": new, "login": f"'p{self.batch}-' || n", "name": "'P ' || n"}
        columns = self.paris.columns("accounts_user")
        values = ", ".join(given.get(column, f"alice.{column}") for column in columns)
        self.paris.execute("DELETE FROM accounts_user WHERE login LIKE 'p%-1__'")
        self.paris.execute("UPDATE accounts_user SET name = name || '!' WHERE login LIKE 'p%-2___'")
        self.paris.execute(
            f"INSERT INTO accounts_user ({', '.join(columns)}) SELECT {values} FROM {numbers}, accounts_user alice"
            " WHERE alice.login = 'alice'"
        )

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Be in the middle of a sync, whose slave is stopped, so that it stays there."""
        asked = self._caught()
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)
            self.finish()
            asked.join()

    def _caught(self) -> threading.Thread:
        """Start syncs until one is stopped in its middle: on a fast machine some are over before anybody looks."""
        middle = "SELECT 1 FROM sync_run WHERE ended_at IS NULL AND sent > 0 AND sent < total"
        for _ in range(10):
            self.change()
            asked = threading.Thread(target=self.paris.run, args=("cluster", "sync", "tokyo"), kwargs={"check": False})
            asked.start()
            while asked.is_alive():
                if self.paris.query(middle):
                    self.signal(signal.SIGSTOP)
                    if self.paris.query("SELECT 1 FROM sync_run WHERE ended_at IS NULL"):
                        return asked
                    self.signal(signal.SIGCONT)
            asked.join()
        raise AssertionError("ten syncs were over before they could be stopped in the middle")

    def signal(self, number: int) -> None:
        for pid in self.tokyo.pids("http"):
            os.kill(pid, number)

    def finish(self) -> None:
        """Wait for the end of the sync that is under way."""
        until(lambda: not self.paris.query("SELECT 1 FROM sync_run WHERE ended_at IS NULL"), seconds=90)

    def people(self, server: RealServer) -> list[tuple[Any, ...]]:
        return sorted(tuple(str(value).replace("-", "") for value in row) for row in server.query(BEFORE))

    def assert_equal(self) -> None:
        status = self.paris.query("SELECT status, reason FROM sync_copy")
        assert status == [("ok", "")]
        assert self.people(self.paris) == self.people(self.tokyo)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The two, in a network of their own, with what both shall be equal in."""
    folder = tmp_path_factory.mktemp("sync")
    paris, tokyo = RealServer("paris", folder / "paris"), RealServer("tokyo", folder / "tokyo")
    with ExitStack() as stack:
        database = stack.enter_context(bridge.outside())
        stack.enter_context(private_network())
        stack.enter_context(bridge.inside(database))
        stack.enter_context(running(paris, tokyo))
        paris.create_admin("admin", PASSWORD)
        join(paris, tokyo)
        make_people(paris, {"alice": "paris"})
        servers = Servers(paris, tokyo)
        servers.change()
        paris.run("cluster", "sync", "tokyo")
        servers.assert_equal()
        yield servers


def test_a_slave_that_is_killed_in_the_middle_ends_equal(cluster: Servers) -> None:
    with cluster.syncing():
        cluster.tokyo.kill()
        cluster.tokyo.start()
    cluster.paris.run("cluster", "sync", "tokyo")
    cluster.assert_equal()


def test_a_master_that_is_killed_in_the_middle_goes_on_by_itself_however_late_the_answers_come(
    cluster: Servers,
) -> None:
    with cluster.syncing():
        cluster.paris.kill()
        cluster.signal(signal.SIGCONT)  # now the slave does what the dead master asked for
        cluster.paris.start()
    cluster.assert_equal()


def test_a_line_that_is_cut_in_the_middle_ends_equal(cluster: Servers) -> None:
    line = Line(cluster.tokyo.port)
    with cluster.syncing():
        line.cut()
        cluster.signal(signal.SIGCONT)
        line.break_()
        cluster.finish()
        line.mend()
    failed = cluster.paris.query("SELECT last_error FROM sync_run ORDER BY created_at DESC LIMIT 1")
    assert failed[0][0]
    cluster.paris.run("cluster", "sync", "tokyo")
    cluster.assert_equal()


def test_a_clock_that_is_wrong_by_an_hour_is_named_by_test(cluster: Servers) -> None:
    library = next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"), None)
    assert library is not None, "install faketime"
    assert shutil.which("faketime")
    paris, tokyo = cluster.paris, cluster.tokyo
    tokyo.stop()
    tokyo.variables = {"LD_PRELOAD": str(library), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    tokyo.start()
    try:
        told = paris.run("cluster", "test", "tokyo", check=False)
        assert told.returncode == 1
        assert "FAILED  Clock" in told.stdout
        refused = paris.run("cluster", "sync", "tokyo", check=False)
        assert refused.returncode == 1
        assert "clock" in refused.stderr
    finally:
        tokyo.stop()
        tokyo.variables = {}
        tokyo.start()
    paris.run("cluster", "sync", "tokyo")
    cluster.assert_equal()
