"""Who is imported, whose account it then is, and what is said of whoever is not."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.directory.models import Conflict, Connection, Run
from posthouse.lib.ids import uuid7
from tests.conftest import PASSWORD, make_user
from tests.directory.conftest import counts, imported
from tests.directory.slapd import BASE, Slapd, person

PEOPLE = f"ou=people,{BASE}"


def logins() -> list[str]:
    return sorted(User.objects.filter(directory__isnull=False, is_active=True).values_list("login", flat=True))


def with_address(user: User, email: str) -> User:
    user.email = email
    user.save()
    return user


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({"within": "sales"}, ["bert", "dora"]),
        ({"within": f"CN=Staff, ou=groups,{BASE}"}, ["anna", "bert", "dora"]),
        ({"below": f"ou=away,{BASE}"}, ["emil"]),
        ({"below": f"OU=away,{BASE}", "within": "sales"}, ["bert", "dora", "emil"]),
        ({"person_filter": "(departmentNumber=sales)"}, ["dora"]),
        ({"bases": f"{PEOPLE}\nou=away,{BASE}\n{BASE}"}, ["anna", "bert", "cleo", "dora", "emil"]),
    ],
)
def test_groups_and_places_choose_people(
    ldap: Slapd, connection: Connection, fields: dict[str, str], chosen: list[str]
) -> None:
    ldap.add(f"ou=away,{BASE}", {"objectClass": "organizationalUnit", "ou": "away"})
    dn, attributes = person("emil", "away", createTimestamp=[], modifyTimestamp=[])
    ldap.add(dn, {name: value for name, value in attributes.items() if value})
    Connection.objects.update(**fields)
    connection.refresh_from_db()
    run = imported(connection)
    assert (run.last_error, logins()) == ("", chosen)


def test_who_leaves_the_chosen_group_is_switched_off_by_the_next_import(ldap: Slapd, connection: Connection) -> None:
    Connection.objects.update(within="sales")
    imported(connection)
    ldap.modify(f"cn=europe,ou=groups,{BASE}", member=[f"uid=dora,{PEOPLE}"])
    run = imported(connection, Run.Kind.AUTOMATIC, full=False)
    assert counts(run)["deactivated"] == 1
    assert logins() == ["dora"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"within": "no such group"}, "has no group no such group"),
        ({"bases": f"ou=nowhere,{BASE}"}, f"has no entry ou=nowhere,{BASE}"),
        ({"person_filter": "(uid=*"}, "is not an LDAP filter"),
        ({"kind": "ad"}, "does not tell this server the objectGUID"),
    ],
)
def test_what_is_set_wrongly_is_said_and_imports_nobody(
    connection: Connection, fields: dict[str, str], sentence: str
) -> None:
    if "kind" in fields:
        fields = fields | {"person_filter": "(uid=*)"}
    Connection.objects.update(**fields)
    connection.refresh_from_db()
    run = imported(connection)
    assert run.state == "failed"
    assert sentence in run.last_error
    assert logins() == []


def test_an_account_made_by_hand_is_not_taken_without_a_word(connection: Connection, paris: Server) -> None:
    make_user("boss", paris, User.Role.ADMINISTRATOR)
    mine = make_user("ANNA", paris)
    other = with_address(make_user("robert", paris), "Bert@example.com")
    run = imported(connection)
    assert counts(run) == {"seen": 4, "added": 2, "refused": 2}
    mine.refresh_from_db()
    assert (mine.directory, mine.check_password(PASSWORD)) == (None, True)
    conflicts = {each.login: each for each in Conflict.objects.all()}
    assert [(conflicts[login].reason, conflicts[login].user) for login in ("anna", "bert")] == [
        ("login", mine),
        ("email", other),
    ]
    assert "Say whether it is the same person" in conflicts["anna"].text


def test_adopting_makes_it_the_directory_s_account(connection: Connection, paris: Server) -> None:
    make_user("boss", paris, User.Role.ADMINISTRATOR)
    mine = make_user("ANNA", paris)
    imported(connection)
    Conflict.objects.update(choice="adopt")
    run = imported(connection, full=False)
    assert (run.full, counts(run)) == (False, {"seen": 1, "changed": 1})
    mine.refresh_from_db()
    assert (mine.login, mine.directory, mine.entry.groups) == ("anna", connection.pk, ["staff"])
    assert not mine.has_usable_password()
    assert not Conflict.objects.exists()


def test_somebody_else_with_the_same_address_gets_an_account_when_that_is_said(
    connection: Connection, paris: Server
) -> None:
    with_address(make_user("boss", paris, User.Role.ADMINISTRATOR), "anna@example.com")
    imported(connection)
    Conflict.objects.update(choice="separate")
    imported(connection, full=False)
    assert User.objects.get(login="anna").directory == connection.pk


def test_the_last_administrator_with_a_password_is_not_adopted(connection: Connection, paris: Server) -> None:
    boss = make_user("anna", paris, User.Role.ADMINISTRATOR)
    imported(connection)
    conflict = Conflict.objects.get()
    assert not conflict.can_adopt
    assert "last administrator" in conflict.text
    Conflict.objects.update(choice="adopt")
    imported(connection)
    boss.refresh_from_db()
    assert boss.directory is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mail": []}, "no e-mail address"),
        ({"mail": ["not one"]}, "Enter a valid email address."),
        ({"uid": ["cleo", "c l e o"]}, ""),
    ],
)
def test_values_that_cannot_be_taken_over_are_said(
    ldap: Slapd, connection: Connection, changes: dict[str, list[str]], sentence: str
) -> None:
    ldap.modify(f"uid=cleo,{PEOPLE}", **changes)
    imported(connection)
    assert ("cleo" in logins()) == (not sentence)
    assert [each.text for each in Conflict.objects.filter(login="cleo") if sentence not in each.text] == []
    assert Conflict.objects.count() == bool(sentence)


def test_a_preview_shows_and_writes_no_account(connection: Connection, paris: Server) -> None:
    with_address(make_user("boss", paris, User.Role.ADMINISTRATOR), "dora@example.com")
    run = imported(connection, Run.Kind.PREVIEW)
    assert counts(run) == {"seen": 4, "added": 3, "refused": 1}
    assert [each["login"] for each in run.sample["added"]] == ["anna", "bert", "cleo"]
    assert logins() == []
    assert Conflict.objects.get().login == "dora"
    assert connection.full_at is None


def test_a_connection_that_is_made_anew_finds_its_people_again(connection: Connection) -> None:
    imported(connection)
    before = set(User.objects.values_list("pk", "login"))
    Connection.objects.filter(pk=connection.pk).delete()
    connection.pk = uuid7()
    connection.position = {}
    connection.save(force_insert=True)
    run = imported(connection)
    assert counts(run) == {"seen": 4, "changed": 4}
    assert set(User.objects.values_list("pk", "login")) == before
    assert set(User.objects.values_list("directory", "entry__connection")) == {(connection.pk, connection.pk)}
    assert counts(imported(connection)) == {"seen": 4, "unchanged": 4}
