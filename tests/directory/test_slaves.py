"""On a slave, people of a directory log in through the master, or by a connection of the slave's own (M6)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.directory import signing, tries
from posthouse.directory.models import Connection
from tests.cluster.conftest import Signer
from tests.cluster.far import Far
from tests.conftest import make_user
from tests.directory.conftest import connect, imported
from tests.directory.slapd import Slapd
from tests.sync.test_runs import sync

# Runs at tokyo: somebody types a user name and a password there.
LOG_IN = """
from django.test import Client
from django.urls import reverse
client = Client()
page = client.post(reverse('accounts:login'), {{'username': {login!r}, 'password': {password!r}}}, secure=True)
result = {{
    'status': page.status_code,
    'page': page.content.decode(),
    'in': client.get(reverse('accounts:me'), secure=True).status_code == 200,
}}
"""
# Runs at tokyo: it gets a connection of its own to the same directory.
CONNECT = """
from uuid import UUID
from posthouse.directory import sealing
from posthouse.directory.models import Connection
Connection.objects.create(
    name='office', kind='ldap', hosts='127.0.0.1', port={port}, authorities={authorities!r},
    bind_name={bind_name!r}, sealed_password=sealing.seal('read it'), bases={bases!r}, stands_for=UUID({id!r}),
)
"""


@pytest.fixture
def home(slave: Server, ldap: Slapd, authority: Any) -> Connection:
    """A directory at paris, whose Bert and Anna live at tokyo; Anna administers."""
    signing._away.clear()
    connection = connect(authority, name="office", kind="ldap", port=ldap.tls_port)
    assert imported(connection).last_error == ""
    User.objects.filter(login__in=["anna", "bert"]).update(home=slave)
    User.objects.filter(login="anna").update(role=User.Role.ADMINISTRATOR)
    sync(slave)
    return connection


def log_in(far: Far, login: str, password: str) -> dict[str, Any]:
    far.sent.clear()
    result: dict[str, Any] = far.run(LOG_IN.format(login=login, password=password))
    return result


def test_who_lives_there_logs_in_through_the_master(home: Connection, far: Far) -> None:
    """M6."""
    assert log_in(far, "bert", "secret of bert")["in"]
    assert log_in(far, "anna", "secret of anna")["in"]
    for login in ("bert", "nobody", "*"):
        there = log_in(far, login, "secret of anna")
        assert (there["in"], "log in at your home server" in there["page"]) == (False, True)


def test_the_password_of_somebody_who_lives_elsewhere_goes_nowhere(
    home: Connection, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[User | None] = []
    monkeypatch.setattr(signing, "check", lambda connection, user, password: asked.append(user) or signing.WRONG)
    there = log_in(far, "cleo", "secret of cleo")
    assert (there["in"], asked) == (False, [None])
    assert "paris" not in there["page"], "nobody learns where somebody lives"


def test_with_the_master_or_the_directory_away_that_is_said_to_everybody(
    home: Connection, far: Far, ldap: Slapd
) -> None:
    ldap.stop()
    for login in ("bert", "nobody"):
        assert "cannot be reached now" in log_in(far, login, "secret of bert")["page"]
    far.run("from posthouse.cluster import calls\ncalls.transport().down.add('paris.example')")
    for login in ("bert", "nobody"):
        assert "cannot be reached now" in log_in(far, login, "secret of bert")["page"]
    far.run("from posthouse.cluster import calls\ncalls.transport().down.clear()")


def test_a_slave_with_a_connection_of_its_own_needs_no_master(home: Connection, far: Far, ldap: Slapd) -> None:
    far.run(
        CONNECT.format(
            port=ldap.tls_port,
            authorities=home.authorities,
            bind_name=home.bind_name,
            bases=home.bases,
            id=str(home.pk),
        )
    )
    far.run("from posthouse.cluster import calls\ncalls.transport().down.add('paris.example')")
    assert log_in(far, "bert", "secret of bert")["in"]
    assert not log_in(far, "bert", "secret of anna")["in"]
    elsewhere = log_in(far, "cleo", "secret of cleo")
    assert "Your home server is paris" in elsewhere["page"]
    far.run("from posthouse.cluster import calls\ncalls.transport().down.clear()")


# What the master answers to a slave


@pytest.fixture
def office(signer: Signer, ldap: Slapd, authority: Any) -> Connection:
    """A directory of this master."""
    signing._away.clear()
    connection = connect(authority, name="office", kind="ldap", port=ldap.tls_port)
    imported(connection)
    User.objects.filter(login="bert").update(home=signer.server)
    return connection


def ask(client: Client, signer: Signer, question: object, name: str = "check") -> HttpResponse:
    path, body = reverse(f"directory:{name}"), json.dumps(question).encode()
    headers: Any = signer.sign("POST", path, body=body)
    return client.post(path, body, content_type="application/json", headers=headers, secure=True)


def about(login: str, password: str = "secret of bert") -> dict[str, str]:
    return {"user": str(User.objects.get(login=login).pk), "password": password}


def test_a_home_server_is_told_whether_a_password_is_right(client: Client, signer: Signer, office: Connection) -> None:
    assert ask(client, signer, about("bert")).json() == {"answer": "yes", "text": ""}
    assert ask(client, signer, about("bert", "guess")).json()["answer"] == "wrong"
    assert ask(client, signer, {"user": "", "password": ""}).json() == {"answer": "wrong", "text": ""}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"home": None}, 403, "home"),
        ({"is_active": False}, 404, "user"),
        ({"directory": None}, 404, "user"),
        ({"local": True}, 404, "user"),
    ],
)
def test_nobody_else_s_password_is_checked(
    client: Client, signer: Signer, office: Connection, change: dict[str, Any], status: int, code: str
) -> None:
    User.objects.filter(login="bert").update(**change)
    answer = ask(client, signer, about("bert"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_administrators_may_log_in_at_every_slave(client: Client, signer: Signer, office: Connection) -> None:
    User.objects.filter(login="bert").update(home=servers.this(), role=User.Role.ADMINISTRATOR)
    assert ask(client, signer, about("bert")).json()["answer"] == "yes"


def test_a_slave_cannot_guess_for_ever(
    client: Client, signer: Signer, office: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "ALLOWED", 3)
    for _ in range(tries.ALLOWED):
        ask(client, signer, about("bert", "guess"))
    assert ask(client, signer, about("bert")).json() == {"answer": "wrong", "text": signing.TOO_OFTEN}


@pytest.mark.parametrize(
    "question",
    [{}, [], {"user": "bert", "password": "x"}, {"user": 5, "password": "x"}, {"user": "0" * 32, "password": ""}],
)
def test_a_question_that_makes_no_sense_is_refused(client: Client, signer: Signer, question: object) -> None:
    assert ask(client, signer, question).status_code == 400


def test_only_servers_may_ask_and_only_the_master_answers(client: Client, signer: Signer) -> None:
    for name in ("check", "names"):
        assert client.post(reverse(f"directory:{name}"), {}, "application/json", secure=True).status_code == 401
    make_user("bert", signer.server)
    Server.objects.filter(is_self=True).update(role=Server.Role.SLAVE)
    for name in ("check", "names"):
        assert ask(client, signer, {}, name).status_code == 409


def test_slaves_are_told_the_names_of_directories(client: Client, signer: Signer, office: Connection) -> None:
    assert ask(client, signer, {}, "names").json() == {"directories": [{"id": str(office.pk), "name": "office"}]}
