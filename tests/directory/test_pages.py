"""The pages of the directories: who may see them, what they refuse, and that they never show a secret."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import Guard, User
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.directory import runs
from posthouse.directory.models import Conflict, Connection, Run
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.registry import kinds
from posthouse.jobs.worker import perform
from tests.conftest import make_user
from tests.directory.certificates import Authority
from tests.directory.conftest import imported
from tests.directory.slapd import BASE, HOST, Slapd

SECRET = "read it"


@pytest.fixture
def boss(client: Client, admin: User) -> Client:
    """An administrator's browser."""
    client.force_login(admin)
    return client


def form(ldap: Slapd, authority: Authority, **changes: Any) -> dict[str, Any]:
    standard = {
        "name": "office",
        "kind": "ldap",
        "enabled": "on",
        "hosts": HOST,
        "security": "tls",
        "port": ldap.tls_port,
        "authorities": authority.pem,
        "bind_name": f"cn=reader,{BASE}",
        "password": SECRET,
        "bases": BASE,
        "minutes": "15",
        "full_hours": "6",
    }
    return standard | changes


def page(client: Client, name: str, /, *args: object, **query: str) -> str:
    return client.get(reverse(f"directory:{name}", args=args), query, secure=True).content.decode()


def post(client: Client, name: str, /, *args: object, **data: Any) -> Any:
    return client.post(reverse(f"directory:{name}", args=args), data, secure=True, follow=True)


def test_from_the_form_to_the_first_import(boss: Client, ldap: Slapd, authority: Authority, admin: User) -> None:
    assert "No directories yet" in page(boss, "list")
    post(boss, "new", **form(ldap, authority))
    connection = Connection.objects.get()
    assert (connection.password(), SECRET in connection.sealed_password) == (SECRET, False)
    tested = page(boss, "test", connection.pk, lines="1")
    assert "All that imports and log-ins need works." in tested
    assert "People who match: 4." in tested
    post(boss, "start", connection.pk, kind="preview")
    work()
    shown = page(boss, "preview", connection.pk, Run.objects.get().pk)
    assert "Accounts that would be made: 4" in shown
    assert "Dora Müller, Prokura" in shown
    post(boss, "start", connection.pk)
    work()
    assert "4 seen: 4 added" in page(boss, "show", connection.pk)
    assert page(boss, "history", connection.pk).count("By hand, full") == 1
    assert [event.action for event in Event.objects.order_by("at")] == ["directory.made", "directory.import"]
    for name in ("show", "edit", "test", "history", "conflicts", "remove"):
        assert SECRET not in page(boss, name, connection.pk)


def work() -> None:
    claimed = leases.claim(runs.due(), "worker")
    assert claimed is not None
    perform(kinds["directory"], Job(claimed))


def test_an_empty_password_keeps_the_present_one(
    boss: Client, connection: Connection, ldap: Slapd, authority: Authority
) -> None:
    post(boss, "edit", connection.pk, **form(ldap, authority, password="", name="post office"))
    connection.refresh_from_db()
    assert (connection.name, connection.password()) == ("post office", SECRET)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hosts": "https://dc1.example.com"}, "without https://"),
        ({"hosts": ""}, "This field is required."),
        ({"port": "70000"}, "less than or equal to 65535"),
        ({"authorities": "hello"}, "not in PEM form"),
        ({"bases": "example.com"}, "is not a distinguished name"),
        ({"below": "Sales"}, "is not a distinguished name"),
        ({"person_filter": "uid=x"}, "is not an LDAP filter"),
        ({"attribute_login": "uid)(x"}, "is not the name of an attribute"),
        ({"fields": "department\nfoo bar"}, "is not the name of an attribute"),
        ({"security": "none", "hosts": "192.0.2.7"}, "passwords would travel in the open"),
        ({"security": "none", "hosts": "localhost\ndc1.example.com"}, "passwords would travel in the open"),
        ({"password": ""}, "This field is required."),
        ({"minutes": "0"}, "greater than or equal to 1"),
        ({"name": "a\u202eb"}, "cannot be seen"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(
    boss: Client, ldap: Slapd, authority: Authority, changes: dict[str, str], sentence: str
) -> None:
    answer = post(boss, "new", **form(ldap, authority, **changes)).content.decode()
    assert sentence in answer
    assert f'id="id_{next(iter(changes))}_error"' in answer
    assert not Connection.objects.exists()


def test_a_plain_line_to_this_machine_is_allowed(boss: Client, ldap: Slapd, authority: Authority) -> None:
    post(boss, "new", **form(ldap, authority, security="none", hosts="127.0.0.1\nlocalhost"))
    assert Connection.objects.exists()


def test_two_directories_of_one_name_are_refused(
    boss: Client, connection: Connection, ldap: Slapd, authority: Authority
) -> None:
    assert (
        "Another directory has this name." in post(boss, "new", **form(ldap, authority, name="OFFICE")).content.decode()
    )


def test_a_failed_test_names_the_step_and_its_cure(boss: Client, connection: Connection, ldap: Slapd) -> None:
    Connection.objects.update(bases=f"ou=nowhere,{BASE}")
    tested = page(boss, "test", connection.pk, lines="1")
    assert "1 step did not succeed." in tested
    assert f"has no entry ou=nowhere,{BASE}" in tested
    ldap.stop()
    assert "Check host and port, and the firewall in between." in page(boss, "test", connection.pk, lines="1")


def test_the_page_of_a_test_comes_at_once(boss: Client, connection: Connection, ldap: Slapd) -> None:
    ldap.stop()
    assert "?lines=1" in page(boss, "test", connection.pk)


def test_the_guard_is_answered_on_the_page(boss: Client, connection: Connection, ldap: Slapd) -> None:
    Guard.objects.create(share=20, minimum=2)
    imported(connection)
    for login in ("anna", "bert"):
        ldap.delete(f"uid={login},ou=people,{BASE}")
    imported(connection)
    shown = page(boss, "show", connection.pk)
    assert "Switch off these 2 accounts" in shown
    assert "Anna" in shown
    old = post(boss, "allow", connection.pk, digest="0" * 64).content.decode()
    assert "Others have vanished by now" in old
    post(boss, "allow", connection.pk, digest=connection.stopped["digest"])
    work()
    assert not User.objects.filter(login__in=["anna", "bert"], is_active=True).exists()
    assert "Switch off these" not in page(boss, "show", connection.pk)


def test_a_decision_about_somebody_is_noted_and_done(boss: Client, connection: Connection, paris: Server) -> None:
    mine = make_user("anna", paris)
    imported(connection)
    conflict = Conflict.objects.get()
    assert "Say whether it is the same person" in page(boss, "conflicts", connection.pk)
    post(boss, "conflicts", connection.pk, conflict=str(conflict.pk), choice="separate")
    conflict.refresh_from_db()
    assert conflict.choice == "", "two accounts cannot have one user name"
    post(boss, "conflicts", connection.pk, conflict=str(conflict.pk), choice="adopt")
    post(boss, "start", connection.pk)
    work()
    mine.refresh_from_db()
    assert mine.directory == connection.pk
    assert "Everybody was imported" in page(boss, "conflicts", connection.pk)


def test_an_import_is_cancelled_before_and_while_it_runs(
    boss: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(boss, "start", connection.pk)
    run = Run.objects.get()
    assert "Waiting to import" in page(boss, "progress", connection.pk)
    post(boss, "cancel", connection.pk, run.pk)
    run.refresh_from_db()
    assert (run.state, run.last_error) == ("failed", "Admin has cancelled it. What it had written by then stays.")
    post(boss, "start", connection.pk)
    claimed = leases.claim(runs.due(), "worker")
    assert claimed is not None
    post(boss, "cancel", connection.pk, claimed.pk)
    perform(kinds["directory"], Job(claimed))
    claimed.refresh_from_db()
    assert (claimed.state, claimed.last_error[:19]) == ("failed", "Admin has cancelled")
    connection.refresh_from_db()
    assert connection.failures == 0


def test_removing_a_connection_keeps_its_people(boss: Client, connection: Connection) -> None:
    imported(connection)
    assert "4 accounts come from it" in page(boss, "remove", connection.pk)
    post(boss, "remove", connection.pk)
    assert User.objects.filter(is_active=True, directory=connection.pk).count() == 4


def test_people_who_do_not_administer_see_nothing(client: Client, connection: Connection, alice: User) -> None:
    client.force_login(alice)
    for name in ("show", "edit", "test", "history", "conflicts", "remove", "progress"):
        assert client.get(reverse(f"directory:{name}", args=[connection.pk]), secure=True).status_code == 403
    for name in ("start", "allow"):
        assert client.post(reverse(f"directory:{name}", args=[connection.pk]), secure=True).status_code == 403
    for name in ("list", "new"):
        assert client.get(reverse(f"directory:{name}"), secure=True).status_code == 403


def test_a_slave_imports_nobody(boss: Client, connection: Connection) -> None:
    Server.objects.filter(is_self=True).update(role=Server.Role.SLAVE)
    assert "people are imported on the master" in post(boss, "start", connection.pk).content.decode()
    assert not Run.objects.exists()
