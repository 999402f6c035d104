"""Importing from, and logging in by, a real Active Directory (Samba as a domain controller) with 2,000 people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth import authenticate
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from posthouse.accounts.models import Entry, User
from posthouse.directory import sealing, signing, testing
from posthouse.directory.models import Connection, Run
from tests.directory.certificates import Authority
from tests.directory.conftest import connect, counts, imported
from tests.directory.samba import ADMIN, ADMIN_PASSWORD, BASE, GROUPS, LAB, PASSWORD, PEOPLE, STAFF, Samba

ALICE, BOB, CARLA = (f"CN={name} Lab\\, Dr.,{LAB}" for name in ("Alice", "Bob", "Carla"))
DOMAIN = ["Domain Users", "Users"]
"""The groups that everybody is in: the primary one, and the one that it is in."""


@pytest.fixture
def company(paris: object, domain: Samba, authority: Authority) -> Connection:
    """A connection to the whole domain."""
    return _connect(domain, authority)


@pytest.fixture
def lab(paris: object, domain: Samba, authority: Authority) -> Iterator[Connection]:
    """A connection to four people of the domain, who are as they were when a test is done."""
    signing._away.clear()
    return _connect(domain, authority, below=LAB)


def _connect(domain: Samba, authority: Authority, **fields: str) -> Connection:
    account = {"bind_name": ADMIN, "sealed_password": sealing.seal(ADMIN_PASSWORD)}
    return connect(authority, name="company", kind="ad", hosts=domain.host, bases=BASE, **account, **fields)


def user(login: str) -> User:
    return User.objects.select_related("entry").get(login=login)


def changes(connection: Connection) -> Run:
    run = imported(connection, Run.Kind.AUTOMATIC, full=False)
    assert run.state == "done", run.last_error
    return run


def test_two_thousand_people_are_imported_by_few_queries_and_then_nothing_is_written(company: Connection) -> None:
    with CaptureQueriesContext(database) as queries:
        run = imported(company)
    assert run.last_error == ""
    assert run.added == PEOPLE + 4
    assert run.refused == 1, "the domain's administrator has no e-mail address"
    assert len(queries) < 200
    first = user("p0000")
    assert first.entry.dn == f"CN=Müller\\, Jörg 0000,{STAFF}"
    assert first.entry.groups == ["Domain Users", "Everybody", "Users"], "one of 5,000 members"
    assert first.entry.fields == {"department": ["Post"]}
    assert user("alice").entry.groups == ["Domain Users", "Inner", "Middle", "Outer", "Users"], "three deep"
    before = list(User.objects.values()), list(Entry.objects.values())
    again = imported(company)
    assert (again.added, again.changed, again.deactivated) == (0, 0, 0)
    assert (list(User.objects.values()), list(Entry.objects.values())) == before


def test_a_group_chooses_its_five_thousand_members(company: Connection) -> None:
    Connection.objects.update(within="Everybody", below=LAB)
    company.refresh_from_db()
    assert imported(company, Run.Kind.PREVIEW).added == PEOPLE + 4
    Connection.objects.update(within=f"cn=outer, {GROUPS}", below="")
    company.refresh_from_db()
    run = imported(company)
    assert sorted(User.objects.values_list("login", flat=True)) == ["alice", "bob"], run.last_error


def test_when_nothing_has_changed_nobody_is_read(lab: Connection) -> None:
    imported(lab)
    run = changes(lab)
    assert (run.full, counts(run)) == (False, {})


def test_changes_are_seen_by_their_number_and_are_updates(lab: Connection, domain: Samba) -> None:
    imported(lab)
    before = user("alice").pk
    domain.modify(ALICE, displayName=["Alice Jones"], mail=["jones@example.com"], sAMAccountName=["jones"])
    domain.move(ALICE, "CN=Jones\\, Ålice")
    renamed = f"CN=Jones\\, Ålice,{LAB}"
    try:
        run = changes(lab)
        assert (run.full, counts(run)) == (False, {"seen": 1, "changed": 1})
        after = user("jones")
        assert (after.pk, after.name, after.email) == (before, "Alice Jones", "jones@example.com")
        assert (after.entry.dn, after.entry.groups[1:4]) == (renamed, ["Inner", "Middle", "Outer"])
    finally:
        domain.move(renamed, "CN=Alice Lab\\, Dr.")
        domain.modify(ALICE, displayName=["Alice of Staff"], mail=["alice@example.com"], sAMAccountName=["alice"])


def test_who_is_switched_off_there_is_switched_off_and_on_again(lab: Connection, domain: Samba) -> None:
    imported(lab)
    domain.modify(BOB, userAccountControl=["514"])
    try:
        assert counts(changes(lab)) == {"seen": 1, "deactivated": 1}
        assert not user("bob").is_active
    finally:
        domain.modify(BOB, userAccountControl=["512"])
    assert counts(changes(lab)) == {"seen": 1, "changed": 1}
    assert user("bob").is_active


def test_a_moved_unit_moves_everybody_in_it_though_nobody_was_touched(lab: Connection, domain: Samba) -> None:
    Connection.objects.update(below="", within="Outer")
    lab.refresh_from_db()
    imported(lab)
    domain.move(LAB, "OU=Lab", STAFF)
    try:
        run = changes(lab)
        assert run.full
        assert run.why_full == "Organizational units were made, moved, renamed or removed."
        assert user("alice").entry.dn == f"CN=Alice Lab\\, Dr.,OU=Lab,{STAFF}"
    finally:
        domain.move(f"OU=Lab,{STAFF}", "OU=Lab", BASE)


def test_joining_and_leaving_a_group_is_seen_though_the_person_was_not_touched(lab: Connection, domain: Samba) -> None:
    imported(lab)
    domain.modify(f"CN=Inner,{GROUPS}", member=[CARLA])
    try:
        run = changes(lab)
        assert (run.full, run.changed) == (False, 2)
        assert user("carla").entry.groups == ["Domain Users", "Inner", "Middle", "Outer", "Users"]
        assert user("alice").entry.groups == DOMAIN
    finally:
        domain.modify(f"CN=Inner,{GROUPS}", member=[ALICE])
    assert changes(lab).changed == 2


def test_a_group_that_leaves_another_one_takes_its_members_along(lab: Connection, domain: Samba) -> None:
    imported(lab)
    domain.modify(f"CN=Outer,{GROUPS}", member=[CARLA])
    try:
        assert changes(lab).why_full == "Groups were changed."
        assert user("alice").entry.groups == ["Domain Users", "Inner", "Middle", "Users"]
        assert user("carla").entry.groups == ["Domain Users", "Outer", "Users"]
    finally:
        domain.modify(f"CN=Outer,{GROUPS}", member=[f"CN=Middle,{GROUPS}"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"server": "another"}, "Another server of the directory answers, which counts changes in its own way."),
        ({"usn": 10**9}, "The directory was restored from a backup."),
    ],
)
def test_numbers_of_another_server_or_of_the_future_count_for_nothing(
    lab: Connection, change: dict[str, object], reason: str
) -> None:
    imported(lab)
    Connection.objects.update(position=lab.position | change)
    assert changes(lab).why_full == reason


def test_people_log_in_with_their_password_there(lab: Connection, domain: Samba) -> None:
    imported(lab)
    assert authenticate(None, username="ALICE", password=PASSWORD) == user("alice")
    for login, password in (("alice", "wrong"), ("alice", ""), ("*", PASSWORD), ("alice)(cn=*", PASSWORD)):
        assert authenticate(None, username=login, password=password) is None
    domain.modify(BOB, userAccountControl=["514"])
    try:
        assert authenticate(None, username="bob", password=PASSWORD) is None
    finally:
        domain.modify(BOB, userAccountControl=["512"])
    assert authenticate(None, username="bob", password=PASSWORD) == user("bob")


def test_each_step_of_a_test_says_what_it_found(lab: Connection) -> None:
    lines = list(testing.test(lab))
    assert [line.name for line in lines if line.ok] == [
        "Name",
        "Port",
        "Certificate",
        "Log-in",
        "Base",
        "Base",
        "People",
        "A person",
        "Groups",
    ]
    assert "People who match: 4." in [line.result for line in lines]
