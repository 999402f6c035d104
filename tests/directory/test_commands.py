"""`posthouse directory …` says what the pages say of a real directory, in words and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from typer.testing import CliRunner, Result

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.cli import directory, waiting
from posthouse.cli.errors import Stop
from posthouse.directory.models import Connection, Run
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.registry import kinds
from posthouse.jobs.worker import perform
from tests.directory.slapd import BASE, Slapd

Call = Callable[..., Result]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return what calls `posthouse directory` in this process; whenever it waits, the worker does its work."""
    monkeypatch.setattr(directory, "ready", lambda: None)

    def wait(_seconds: float) -> None:
        claimed = leases.claim(Run.objects.all(), "worker")
        assert claimed is not None
        perform(kinds["directory"], Job(claimed))

    monkeypatch.setattr(waiting, "time", SimpleNamespace(sleep=wait, monotonic=time.monotonic))
    return lambda *words: CliRunner().invoke(directory.app, list(words))


def told(call: Call, *words: str, code: int = 0) -> Any:
    done = call(*words, "--json")
    assert done.exit_code == code, done.exception
    return json.loads(done.stdout[done.stdout.index("{\n") :])  # before it stands what the worker logs


def test_a_test_has_the_steps_and_the_cures_of_the_page(
    call: Call, connection: Connection, ldap: Slapd, client: Client, admin: User
) -> None:
    client.force_login(admin)

    def page() -> str:
        address = reverse("directory:test", args=[connection.pk])
        return client.get(address, {"lines": "1"}, secure=True).content.decode().replace("&#x27;", "'")

    good = told(call, "test", "OFFICE")
    assert good["ok"]
    assert [step["step"] for step in good["steps"]] == [
        "Name",
        "Port",
        "Certificate",
        "Log-in",
        "Base",
        "People",
        "A person",
        "Groups",
    ]
    words = call("test", "office").stdout
    shown = page()
    for step in good["steps"]:
        assert f"ok      {step['step']}: {step['result']}" in words
        assert step["result"] in shown
    Connection.objects.update(bases=f"ou=nowhere,{BASE}")
    bad = told(call, "test", "office", code=1)
    last = bad["steps"][-1]
    assert (bad["ok"], last["step"], last["ok"]) == (False, "Base", False)
    assert last["cure"]
    failed = call("test", "office")
    assert failed.exit_code == 1
    assert f"FAILED  Base: {last['result']}\n        {last['cure']}" in failed.stdout
    assert last["result"] in page()
    assert last["cure"] in page()


def test_an_import_tells_what_it_did(call: Call, connection: Connection, ldap: Slapd) -> None:
    preview = told(call, "import", "office", "--preview")
    assert (preview["kind"], preview["added"], preview["result"]) == ("Preview", 4, "OK")
    assert not User.objects.exists()
    assert not Event.objects.filter(action="directory.import").exists()
    done = told(call, "import", "office")
    assert (done["directory"], done["kind"], done["full"]) == ("office", "By hand", True)
    assert (done["seen"], done["added"], done["changed"], done["error"]) == (4, 4, 0, "")
    assert User.objects.count() == 4
    assert Event.objects.filter(action="directory.import").count() == 1
    ldap.modify(f"uid=anna,ou=people,{BASE}", mail=["anna@example.org"])
    words = call("import", "office", "--changes").stdout
    assert "Imported office: " in words
    assert "1 changed" in words
    assert User.objects.get(login="anna").email == "anna@example.org"


def test_a_directory_that_is_away_is_said_and_takes_nobody_away(
    call: Call, connection: Connection, ldap: Slapd
) -> None:
    told(call, "import", "office")
    ldap.stop()
    done = call("import", "office")
    assert isinstance(done.exception, Stop)
    assert "The import of office failed: Nothing answers at 127.0.0.1" in str(done.exception)
    assert told(call, "import", "office", code=1)["result"] == "Failed"
    assert User.objects.filter(is_active=True).count() == 4
    (listed,) = told(call, "list", code=1)["directories"]
    assert (listed["name"], listed["status"], listed["vanished"]) == ("office", "Failing", 0)
    assert "Failing" in call("list").stdout
