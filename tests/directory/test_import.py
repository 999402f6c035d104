"""Importing people from a real OpenLDAP server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from posthouse.accounts.models import Entry, User
from posthouse.accounts.signals import people_changed
from posthouse.cluster.models import Server
from posthouse.directory.models import Connection
from tests.directory.conftest import counts, imported
from tests.directory.slapd import BASE

PEOPLE = f"ou=people,{BASE}"


def users() -> dict[str, User]:
    return {user.login: user for user in User.objects.select_related("entry")}


@pytest.fixture
def told(db: None) -> Any:
    """Who is told to have changed."""
    heard: list[set[UUID]] = []

    def hear(sender: object, ids: set[UUID], **_: object) -> None:
        heard.append(ids)

    people_changed.connect(hear)
    yield heard
    people_changed.disconnect(hear)


def test_the_first_import_makes_an_account_for_everybody(
    connection: Connection, paris: Server, told: list[set[UUID]]
) -> None:
    run = imported(connection)
    assert (run.state, run.last_error) == ("done", "")
    assert counts(run) == {"seen": 4, "added": 4}
    found = users()
    assert sorted(found) == ["anna", "bert", "cleo", "dora"]
    dora = found["dora"]
    assert (dora.name, dora.email, dora.directory) == ("Dora Müller, Prokura", "dora@example.com", connection.pk)
    assert (dora.is_active, dora.local, dora.home, dora.home_by_hand) == (True, False, paris, False)
    assert not dora.has_usable_password()
    assert told == [{user.pk for user in found.values()}]


def test_rules_are_told_names_of_groups_through_groups_and_fields(connection: Connection) -> None:
    imported(connection)
    entries = {login: user.entry for login, user in users().items()}
    assert entries["anna"].groups == ["staff"]
    assert entries["bert"].groups == ["europe", "sales", "staff"], "listed under another spelling of his name"
    assert entries["cleo"].groups == []
    assert entries["dora"].dn == f"uid=dora,{PEOPLE}"
    assert entries["dora"].fields == {"departmentnumber": ["Europe", "Sales"]}


def test_when_nothing_has_changed_nothing_is_written(connection: Connection, told: list[set[UUID]]) -> None:
    imported(connection)
    before = list(User.objects.values()), list(Entry.objects.values())
    told.clear()
    for full in (True, False):
        run = imported(connection, full=full)
        assert not run.added + run.changed + run.deactivated
        assert run.full == full
    assert (list(User.objects.values()), list(Entry.objects.values())) == before
    assert told == []
