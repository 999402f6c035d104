"""Nobody is deleted by a directory, and many are not switched off at once without an administrator's word."""

from __future__ import annotations

import re

import pytest

from posthouse.accounts.models import Guard, User
from posthouse.directory import switching, telling
from posthouse.directory.models import Connection, Run
from posthouse.notices.models import OutgoingMail
from tests.conftest import make_user
from tests.directory.conftest import counts, imported
from tests.directory.slapd import BASE, Slapd

PEOPLE = f"ou=people,{BASE}"


def active() -> list[str]:
    return sorted(User.objects.filter(is_active=True, directory__isnull=False).values_list("login", flat=True))


@pytest.fixture
def guarded(connection: Connection) -> Connection:
    """A connection of a cluster in which no two people may vanish at once."""
    Guard.objects.create(share=20, minimum=2)
    imported(connection)
    return connection


def test_who_vanishes_is_switched_off_and_who_comes_back_is_switched_on(ldap: Slapd, guarded: Connection) -> None:
    cleo = User.objects.get(login="cleo")
    ldap.modify(f"uid=cleo,{PEOPLE}", mail=["cleo@example.org"])
    Connection.objects.update(person_filter="(&(objectClass=inetOrgPerson)(mail=*.com))")
    assert counts(imported(guarded)) == {"seen": 3, "deactivated": 1, "unchanged": 3}
    assert active() == ["anna", "bert", "dora"]
    Connection.objects.update(person_filter="")
    imported(guarded)
    assert active() == ["anna", "bert", "cleo", "dora"]
    assert User.objects.get(login="cleo").pk == cleo.pk


def test_too_many_are_not_switched_off_and_administrators_are_told_once(
    ldap: Slapd, guarded: Connection, admin: User
) -> None:
    for login in ("cleo", "dora"):
        ldap.delete(f"uid={login},{PEOPLE}")
    for _ in range(2):
        run = imported(guarded, Run.Kind.AUTOMATIC, full=False) if _ else imported(guarded)
        assert (run.state, run.full) == ("failed", True)
        assert "2 of 4 accounts would be switched off" in run.last_error
    assert active() == ["anna", "bert", "cleo", "dora"]
    mail = OutgoingMail.objects.get()
    assert "Too many people have vanished" in mail.subject
    assert [condition.text for condition in telling.conditions()] == [
        "2 people have vanished from the directory office: should they be switched off?"
    ]


def test_going_on_holds_for_exactly_the_set_that_was_shown(ldap: Slapd, guarded: Connection) -> None:
    ldap.delete(f"uid=cleo,{PEOPLE}")
    ldap.delete(f"uid=dora,{PEOPLE}")
    imported(guarded)
    shown = guarded.stopped["digest"]
    assert not switching.allow(guarded, "another")
    ldap.delete(f"uid=bert,{PEOPLE}")
    assert switching.allow(guarded, shown)
    run = imported(guarded)
    assert "3 of 4 accounts would be switched off" in run.last_error
    assert len(active()) == 4
    assert not switching.allow(guarded, shown), "an old page allows nothing"
    assert switching.allow(guarded, guarded.stopped["digest"])
    assert counts(imported(guarded)) == {"seen": 1, "deactivated": 3, "unchanged": 1}
    assert active() == ["anna"]
    assert (guarded.stopped, guarded.approved, guarded.failures) == ({}, "", 0)
    assert list(telling.conditions()) == []


def test_an_empty_answer_is_an_error_however_few_people_there_are(ldap: Slapd, connection: Connection) -> None:
    imported(connection)
    Connection.objects.update(person_filter="(uid=nobody)")
    run = imported(connection)
    assert "answered without an error, but with nobody" in run.last_error
    assert len(active()) == 4


def test_more_than_the_server_gives_is_an_error_and_no_smaller_set(ldap: Slapd, connection: Connection) -> None:
    imported(connection)
    ldap.stop()
    configuration = ldap.configuration.read_text()
    ldap.configuration.write_text(re.sub(r"size.prtotal=unlimited", "size.prtotal=2", configuration))
    ldap.start()
    run = imported(connection)
    assert run.state == "failed"
    assert "did not send everything" in run.last_error
    assert len(active()) == 4


def test_a_directory_that_is_away_switches_nobody_off_and_is_told_of_once(
    ldap: Slapd, connection: Connection, admin: User
) -> None:
    imported(connection)
    ldap.stop()
    for _ in range(4):
        assert "Nothing answers at 127.0.0.1" in imported(connection, Run.Kind.AUTOMATIC).last_error
    assert len(active()) == 4
    assert [mail.subject for mail in OutgoingMail.objects.all()] == ["The directory office cannot be imported"]
    assert [condition.text for condition in telling.conditions()] == ["The directory office cannot be imported."]
    ldap.start()
    imported(connection)
    assert OutgoingMail.objects.filter(subject="The directory office is imported again").count() == 1
    assert list(telling.conditions()) == []


def test_the_last_administrators_are_not_switched_off(ldap: Slapd, connection: Connection) -> None:
    imported(connection)
    User.objects.filter(login="cleo").update(role=User.Role.ADMINISTRATOR)
    ldap.delete(f"uid=cleo,{PEOPLE}")
    assert "deactivated" not in counts(imported(connection))
    make_user("admin", User.objects.get(login="cleo").home, User.Role.ADMINISTRATOR)  # type: ignore[arg-type]
    assert counts(imported(connection))["deactivated"] == 1
