"""Importing people from a real OpenLDAP server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from posthouse.accounts.models import Entry, User
from posthouse.accounts.signals import people_changed
from posthouse.cluster.models import Server
from posthouse.directory.models import Connection
from posthouse.homes.models import Rule
from tests.directory.conftest import counts, imported
from tests.directory.slapd import BASE, Slapd
from tests.homes.conftest import choose_default, make_rule

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


def test_where_lists_of_members_may_not_be_read_people_and_groups_tell_by_memberof(
    connection: Connection, ldap: Slapd
) -> None:
    ldap.stop()
    text = ldap.configuration.read_text()
    ldap.configuration.write_text(text.replace("access to * by", "access to attrs=member by * none\naccess to * by", 1))
    ldap.start()
    # The overlay writes memberOf when a list of members is changed while it runs.
    ldap.modify(f"cn=europe,ou=groups,{BASE}", member=[f"uid=cleo,{PEOPLE}"])
    ldap.modify(f"cn=sales,ou=groups,{BASE}", member=[f"uid=dora,{PEOPLE}"])
    ldap.modify(f"cn=sales,ou=groups,{BASE}", member=[f"cn=europe,ou=groups,{BASE}"])
    imported(connection)
    assert users()["cleo"].entry.groups == ["europe", "sales"]
    assert users()["anna"].entry.groups == []


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


def test_an_import_places_new_and_changed_people_at_once_and_nobody_else(
    connection: Connection, ldap: Slapd, paris: Server, tokyo: Server, rio: Server
) -> None:
    def homes() -> dict[str, str]:
        return dict(User.objects.order_by("login").values_list("login", "home__name"))

    choose_default(paris)
    make_rule("Europe", tokyo, group_pattern="^staff$", dn_pattern="ou=people,")
    make_rule("Film", rio, ldap=[["departmentNumber", "^Film$"]])
    imported(connection)
    assert homes() == {"anna": "tokyo", "bert": "tokyo", "cleo": "paris", "dora": "tokyo"}
    assert User.objects.get(login="dora").placement.rule == Rule.objects.get(name="Europe")
    make_rule("Everybody", rio, login_pattern=".")  # and nobody chose Recalculate
    ldap.modify(f"cn=europe,ou=groups,{BASE}", member=[f"uid=bert,{PEOPLE}"])
    ldap.modify(f"uid=dora,{PEOPLE}", departmentNumber=["Film"])
    imported(connection)
    assert homes() == {"anna": "tokyo", "bert": "tokyo", "cleo": "paris", "dora": "rio"}
    User.objects.filter(login="bert").update(home=paris, home_by_hand=True)
    ldap.modify(f"uid=bert,{PEOPLE}", mail=["bert@example.org"])
    imported(connection)
    assert homes()["bert"] == "paris", "set by hand"


def test_rules_are_asked_again_only_for_whom_something_has_changed_that_they_may_read(
    connection: Connection, ldap: Slapd, told: list[set[UUID]]
) -> None:
    imported(connection)
    told.clear()
    ldap.modify(f"uid=dora,{PEOPLE}", displayName=["Dora Neumann"])
    assert imported(connection).changed == 1
    assert told == []
    ldap.modify(f"uid=dora,{PEOPLE}", departmentNumber=["Film"])
    ldap.modify(f"uid=anna,{PEOPLE}", mail=["anna@example.org"])
    ldap.modify(f"uid=bert,{PEOPLE}", displayName=["Bert Other"])
    imported(connection)
    found = users()
    assert told == [{found["dora"].pk, found["anna"].pk}]
    told.clear()
    ldap.modify(f"cn=europe,ou=groups,{BASE}", member=[f"uid=dora,{PEOPLE}"])
    imported(connection)
    assert told == [{found["bert"].pk}]
