"""Logging in by a directory, on the server that reads it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import Entry, User
from posthouse.cluster.models import Server
from posthouse.directory import signing, tries
from posthouse.directory.models import Connection, Tries
from tests.conftest import PASSWORD, make_user
from tests.directory.conftest import imported
from tests.directory.slapd import BASE, Slapd

PEOPLE = f"ou=people,{BASE}"
WRONG = b"The user name or the password is wrong"


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Forget that a directory was away in the test before."""
    signing._away.clear()
    yield
    signing._away.clear()


@pytest.fixture
def office(connection: Connection) -> Connection:
    """A directory whose people have accounts."""
    assert imported(connection).state == "done"
    return connection


def log_in(client: Client, login: str, password: str) -> HttpResponse:
    return client.post(reverse("accounts:login"), {"username": login, "password": password}, secure=True)


def is_in(client: Client) -> bool:
    return client.get(reverse("accounts:me"), secure=True).status_code == 200


def test_the_password_of_the_directory_lets_in(client: Client, office: Connection) -> None:
    assert log_in(client, "Anna", "secret of anna").status_code == 302
    page = client.get(reverse("accounts:me"), secure=True).content.decode()
    assert "comes from your organisation&#x27;s directory" in page or "comes from your organisation's directory" in page
    assert 'name="present"' not in page


def test_log_in_works_after_a_new_name_that_was_not_imported_yet(
    client: Client, office: Connection, ldap: Slapd
) -> None:
    ldap.move(f"uid=anna,{PEOPLE}", "uid=annika")
    assert log_in(client, "anna", "secret of anna").status_code == 302


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("anna", "secret of bert"),
        ("anna", " "),
        ("anna", ""),
        ("*", "secret of anna"),
        ("ann*", "secret of anna"),
        ("anna)(uid=*", "secret of anna"),
        (f"uid=anna,{PEOPLE}", "secret of anna"),
        (f"anna,{PEOPLE}", "secret of anna"),
        ("cleo+uid=anna", "secret of anna"),
        ("anna\\2a", "secret of anna"),
        ("nobody", "secret of anna"),
        ("x" * 150, "secret of anna"),
    ],
)
def test_nobody_else_is_let_in(client: Client, office: Connection, login: str, password: str) -> None:
    page = log_in(client, login, password)
    assert page.status_code == 200
    assert WRONG in page.content or not password
    assert not is_in(client)


def test_a_user_name_that_holds_a_filter_or_a_distinguished_name_finds_nobody_but_itself(
    office: Connection, ldap: Slapd
) -> None:
    Entry.objects.all().delete()  # as on a slave, where people are looked for by their user names
    odd = User.objects.get(login="cleo")
    names = (f"uid=anna,{PEOPLE}", f"anna,{PEOPLE}", "cleo+uid=anna", "anna\\,x", "anna\0")
    for login in ("*", "c*", "cleo)(uid=anna", "anna)(|(uid=*", "\\2a", *names):
        odd.login = login
        assert signing.check(office, odd, "secret of anna").word == "wrong"
    odd.login = "anna"
    assert signing.check(office, odd, "secret of anna").word == "yes"


def test_an_empty_password_asks_nobody(office: Connection, ldap: Slapd) -> None:
    ldap.stop()
    assert signing.check(office, User.objects.get(login="anna"), "").word == "wrong"


def test_who_is_switched_off_in_the_directory_is_not_let_in_before_any_import(
    client: Client, office: Connection, ldap: Slapd
) -> None:
    Connection.objects.update(disabled_filter="(employeeType=gone)")
    ldap.modify(f"uid=anna,{PEOPLE}", employeeType=["gone"])
    assert WRONG in log_in(client, "anna", "secret of anna").content


def test_who_was_deleted_there_is_not_let_in(client: Client, office: Connection, ldap: Slapd) -> None:
    ldap.delete(f"uid=anna,{PEOPLE}")
    assert WRONG in log_in(client, "anna", "secret of anna").content


def test_that_the_directory_is_away_is_said_to_everybody_alike(
    client: Client, office: Connection, ldap: Slapd, alice: User
) -> None:
    ldap.stop()
    pages = {
        login: log_in(client, login, "secret of anna").content.count(b"cannot be reached now")
        for login in ("anna", "nobody", "alice")
    }
    assert pages == {"anna": 1, "nobody": 1, "alice": 1}
    assert log_in(client, "alice", PASSWORD).status_code == 302, "her password is kept here"


def test_that_this_server_s_own_account_is_refused_is_not_the_user_s_fault(client: Client, office: Connection) -> None:
    Connection.objects.update(bind_name=f"cn=nobody,{BASE}")
    assert b"cannot be reached now" in log_in(client, "anna", "secret of anna").content


def test_after_some_wrong_ones_everybody_waits_and_a_right_one_forgets_them(
    client: Client, office: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "ALLOWED", 3)
    for login in ("anna", "nobody"):
        for _ in range(tries.ALLOWED):
            assert WRONG in log_in(client, login, "guess").content
        assert b"Wait ten minutes" in log_in(client, login, "secret of anna").content
    log_in(client, "bert", "guess")
    assert log_in(client, "bert", "secret of bert").status_code == 302
    assert Tries.objects.count() == 2


def test_without_a_directory_nothing_changes(client: Client, paris: Server, alice: User) -> None:
    assert WRONG in log_in(client, "nobody", "guess").content
    assert not Tries.objects.exists()


def test_a_connection_that_is_not_in_use_lets_nobody_in(client: Client, office: Connection) -> None:
    Connection.objects.update(enabled=False)
    assert not is_in(client)
    assert log_in(client, "anna", "secret of anna").status_code == 200


def test_no_password_is_logged(
    client: Client, office: Connection, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        log_in(client, "anna", "secret of anna")
        log_in(client, "anna", "a wrong secret")
    said = caplog.text + "".join(capfd.readouterr())
    assert "secret" not in said


def test_a_user_of_a_directory_changes_neither_name_nor_password_here(client: Client, office: Connection) -> None:
    anna = User.objects.get(login="anna")
    client.force_login(anna)
    for form in ({"change": "name", "name": "X"}, {"present": "x", "password": PASSWORD, "again": PASSWORD}):
        assert client.post(reverse("accounts:me"), form, secure=True).status_code == 403
    anna.refresh_from_db()
    assert (anna.name, anna.has_usable_password()) == ("Anna", False)


def test_administrators_change_what_the_directory_does_not_say(client: Client, office: Connection, admin: User) -> None:
    anna = User.objects.get(login="anna")
    client.force_login(admin)
    form: dict[str, Any] = {"name": "X", "login": "x", "email": "x@example.com", "role": "user", "home": anna.home_id}
    page = client.post(reverse("accounts:edit", args=[anna.pk]), form, secure=True)
    assert page.status_code == 302
    anna.refresh_from_db()
    assert (anna.name, anna.login, anna.is_active) == ("Anna", "anna", False)
    assert not anna.has_usable_password()


def test_directories_on_a_slave_need_the_master(client: Client, office: Connection) -> None:
    make_user("boss", Server.objects.get(is_self=True), User.Role.ADMINISTRATOR)
    client.force_login(User.objects.get(login="boss"))
    Server.objects.filter(is_self=True).update(role=Server.Role.SLAVE)
    page = client.get(reverse("directory:new"), secure=True, follow=True).content
    assert b"does not know its master yet" in page
