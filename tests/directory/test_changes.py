"""What is changed in a directory is changed in the accounts, by a full import and by one of changes only."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import User
from posthouse.directory.models import Connection, Run
from tests.directory.conftest import counts, imported
from tests.directory.slapd import BASE, Slapd, person

PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"


@pytest.fixture(params=[True, False], ids=["full", "changes"])
def again(request: pytest.FixtureRequest, connection: Connection) -> object:
    """Import a second time, by either way."""
    imported(connection)
    return lambda: imported(connection, Run.Kind.AUTOMATIC, full=request.param)


def user(login: str) -> User:
    return User.objects.select_related("entry").get(login=login)


def test_a_new_name_address_and_user_name_are_an_update(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    before = user("cleo")
    ldap.move(f"uid=cleo,{PEOPLE}", "uid=cleopatra")
    ldap.modify(f"uid=cleopatra,{PEOPLE}", displayName=["Cleopatra"], mail=["queen@example.com"])
    run = again()
    assert counts(run) == counts(run) | {"changed": 1}, run.last_error
    after = user("cleopatra")
    assert after.pk == before.pk
    assert (after.name, after.email) == ("Cleopatra", "queen@example.com")
    assert after.entry.dn == f"uid=cleopatra,{PEOPLE}"
    assert User.objects.count() == 4


def test_two_who_exchange_their_user_names_keep_their_accounts(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    anna, bert = user("anna").pk, user("bert").pk
    for old, new in (("anna", "x"), ("bert", "anna"), ("x", "bert")):
        ldap.move(f"uid={old},{PEOPLE}", f"uid={new}")
    again()
    again()
    assert (user("anna").pk, user("bert").pk) == (bert, anna)


def test_a_moved_unit_moves_everybody_in_it(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    ldap.add(f"ou=europe,{BASE}", {"objectClass": "organizationalUnit", "ou": "europe"})
    ldap.move(PEOPLE, "ou=people", f"ou=europe,{BASE}")
    run = again()
    assert run.full
    assert counts(run) == {"seen": 4, "changed": 4}
    assert user("anna").entry.dn == f"uid=anna,ou=people,ou=europe,{BASE}"


def test_who_joins_or_leaves_a_group_is_told_to_rules(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    ldap.modify(f"cn=europe,{GROUPS}", member=[f"uid=bert,{PEOPLE}", f"uid=cleo,{PEOPLE}"])
    assert counts(again())["changed"] == 2
    assert user("cleo").entry.groups == ["europe", "sales", "staff"]
    assert user("dora").entry.groups == []


def test_a_group_that_joins_another_one_brings_its_members(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    ldap.add(f"cn=world,{GROUPS}", {"objectClass": "groupOfNames", "cn": "world", "member": f"cn=staff,{GROUPS}"})
    again()
    assert [user(login).entry.groups[-1:] for login in ("anna", "bert", "cleo")] == [["world"], ["world"], []]


def test_groups_of_user_names_count_too(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    ldap.add(
        f"cn=unix,{GROUPS}",
        {"objectClass": "posixGroup", "cn": "unix", "gidNumber": "5", "memberUid": ["cleo", "nobody"]},
    )
    ldap.add(
        f"cn=once,{GROUPS}",
        {"objectClass": "groupOfUniqueNames", "cn": "once", "uniqueMember": f"uid=cleo,{PEOPLE}"},
    )
    again()
    assert user("cleo").entry.groups == ["once", "unix"]


def test_who_is_new_is_made(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    dn, attributes = person("emil", createTimestamp=[], modifyTimestamp=[])
    ldap.add(dn, {name: value for name, value in attributes.items() if value})
    assert counts(again())["added"] == 1
    assert user("emil").is_active


def test_who_is_switched_off_is_switched_off_and_on_again(ldap: Slapd, connection: Connection, again) -> None:  # type: ignore[no-untyped-def]
    Connection.objects.update(disabled_filter="(employeeType=gone)")
    again()
    ldap.modify(f"uid=anna,{PEOPLE}", employeeType=["gone"])
    assert counts(again())["deactivated"] == 1
    assert not user("anna").is_active
    assert "deactivated" not in counts(again())
    ldap.modify(f"uid=anna,{PEOPLE}", employeeType=["back"])
    again()
    assert user("anna").is_active


def test_an_account_that_was_switched_off_by_hand_stays_off(ldap: Slapd, again) -> None:  # type: ignore[no-untyped-def]
    User.objects.filter(login="anna").update(is_active=False)
    ldap.modify(f"uid=anna,{PEOPLE}", displayName=["Anna Other"])
    again()
    assert (user("anna").name, user("anna").is_active) == ("Anna Other", False)


def test_what_cannot_be_taken_over_stays_and_is_said(ldap: Slapd, connection: Connection, again) -> None:  # type: ignore[no-untyped-def]
    ldap.modify(f"uid=anna,{PEOPLE}", mail=["no address"], departmentNumber=["7"])
    again()
    assert (user("anna").email, user("anna").entry.fields) == ("anna@example.com", {"departmentnumber": ["7"]})
    assert connection.conflicts.get().text == "Enter a valid email address."
    ldap.modify(f"uid=anna,{PEOPLE}", mail=["anna@example.org"])
    again()
    assert user("anna").email == "anna@example.org"
    assert not connection.conflicts.exists()
