"""`posthouse homes …` says what the pages say, in words and as JSON, and moves nobody unasked (M8, D11)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from typer.testing import CliRunner, Result

from posthouse.accounts.models import User
from posthouse.cli import homes, ready, waiting
from posthouse.cli.errors import Stop
from posthouse.cluster.models import Server
from posthouse.homes import runs
from posthouse.homes.models import Rule
from posthouse.packages.models import Package
from tests.conftest import make_user
from tests.homes.conftest import choose_default, from_directory, make_rule
from tests.homes.test_runs import work

pytestmark = pytest.mark.django_db
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what calls `posthouse homes` in this process; whenever it waits, the worker does its work."""
    monkeypatch.setattr(ready, "django_ready", lambda: None)

    def wait(_seconds: float) -> None:
        waiting = runs.latest()
        assert waiting is not None
        work(waiting)

    monkeypatch.setattr(waiting, "time", SimpleNamespace(sleep=wait, monotonic=time.monotonic))
    return lambda *words, **more: CliRunner().invoke(homes.app, list(words), **more)


def said(done: Result) -> str:
    assert done.exit_code == 0, done.exception
    return done.stdout


def refused(done: Result) -> str:
    assert isinstance(done.exception, Stop)
    return str(done.exception)


def told(run: Run, *words: str) -> Any:
    text = said(run(*words, "--json"))
    return json.loads(text[text.index("{\n") :])  # before it stands what the worker logs, which is in this process here


@pytest.fixture
def cast(paris: Server, tokyo: Server, rio: Server) -> User:
    """Rules of each kind, and Ken of a directory."""
    choose_default(paris)
    gone = Server.objects.create(name="oslo", host="oslo.example", removed_at=timezone.now())
    make_rule("Oslo", gone, email_pattern="@oslo[.]")
    make_rule("Rio", rio, email_pattern="@rio[.]", examples=["rita@rio.example"])
    make_rule("Staff", tokyo, group_pattern="asia staff", ldap=[["departmentNumber", "sound"]])
    make_rule("Late", rio, login_pattern="^ken$")
    make_rule("Guests", tokyo, external=True, email_pattern="@guests[.]")
    return from_directory("ken", paris, groups=["All", "Asia Staff"], fields={"departmentnumber": ["Sound"]})


def test_the_list_has_the_rules_in_order_and_the_default_server(run: Run, cast: User) -> None:
    lines = said(run("list")).splitlines()
    assert [line for line in lines if line[0].isdigit()] == [
        "1. Oslo: to oslo (removed: this rule places nobody)",
        "2. Rio: to rio",
        "3. Staff: to tokyo",
        "4. Late: to rio",
        "5. Guests: to tokyo (external email recipients)",
    ]
    assert "   LDAP field departmentNumber: sound" in lines
    assert lines[-1] == "Default Server: paris"
    listed = told(run, "list")
    assert (listed["default"], listed["problem"]) == ("paris", "")
    assert listed["rules"][1] == {
        "name": "Rio",
        "external": False,
        "conditions": [{"field": "Email address regex", "pattern": "@rio[.]"}],
        "home": "rio",
        "home_removed": False,
        "examples": ["rita@rio.example"],
    }


def test_without_a_default_server_each_command_says_so(run: Run, paris: Server, alice: User) -> None:
    problem = "No default server is chosen: users whom no home server rule matches stay where they are."
    assert problem in said(run("list"))
    assert told(run, "list")["problem"] == problem
    assert problem in said(run("explain", "alice"))
    assert problem in said(run("preview"))
    assert told(run, "preview")["problem"] == problem
    assert problem in said(run("recalculate", "--yes"))


@pytest.mark.parametrize("who", ["ken", "KEN@example.com", "guest@guests.example", "nobody"])
def test_explain_says_what_the_page_says(run: Run, cast: User, client: Client, admin: User, who: str) -> None:
    client.force_login(admin)
    shown = client.get(reverse("homes:explain"), {"q": who}, secure=True).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", shown)).replace("&#x27;", "'").lower()
    words, facts = said(run("explain", who)), told(run, "explain", who)
    assert facts["account"] == ("ken" if who.lower().startswith("ken") else None)
    for story in facts["stories"]:
        assert f"{story['title']}: {story['outcome']}" in words
        assert story["title"].lower() in text
        assert story["outcome"].lower() in text
        for block in story["blocks"]:
            verdict = homes.VERDICTS[block["verdict"]]
            assert f"  {block['place']}. {block['name']} (to {block['home']}): {verdict}" in words
            assert f"{block['place']}. {block['name']} {verdict} to {block['home']}".lower() in text
            for line in block["lines"]:
                assert f"{line['field']} {line['pattern']}: " in words
                value = f"{line['before']}{line['hit']}{line['after']}"
                assert f"{line['field']} {line['pattern']} {value}".strip().lower() in text


def test_explain_shows_what_matched(run: Run, cast: User) -> None:
    words = said(run("explain", "ken"))
    assert "tokyo, by the rule Staff." in words
    assert "    ok    Active Directory group asia staff: [Asia Staff] (one of 2 values)" in words
    assert "    ok    LDAP field departmentNumber sound: [Sound]" in words
    (story,) = told(run, "explain", "ken")["stories"]
    assert [block["verdict"] for block in story["blocks"]] == ["removed", "no", "decides", "late"]
    assert story["home"] == "tokyo"


@pytest.fixture
def movers(paris: Server, tokyo: Server) -> list[User]:
    """Two who belong to tokyo, one of whom has sent a package, and one who stays."""
    choose_default(paris)
    make_rule("A", tokyo, login_pattern="^a[a-z]")
    ann, abe, dora = (make_user(login, paris) for login in ("ann", "abe", "dora"))
    Package.objects.create(title="Rushes", sender=ann, origin=paris, closed_at=timezone.now())
    return [ann, abe, dora]


def test_a_preview_shows_who_would_move_and_moves_nobody(run: Run, movers: list[User], tokyo: Server) -> None:
    words = said(run("preview"))
    assert "2 users would move, of 3 looked at.\n  2 from paris to tokyo\n" in words
    assert "  ann: paris to tokyo, rule A\n" in words
    assert "Packages and external contacts do not move with their users" in words
    assert "On paris that is 1 sent package." in words
    facts = told(run, "preview")
    assert (facts["looked_at"], facts["would_move"], facts["moved"]) == (3, 2, 0)
    assert facts["ways"] == [{"from": "paris", "to": "tokyo", "count": 2}]
    assert {"user": "ann", "from": "paris", "to": "tokyo", "rule": "A", "moved": False} in facts["moves"]
    assert facts["left_behind"] == [{"count": 1, "what": "sent packages"}]
    assert not User.objects.filter(home=tokyo).exists()


def test_recalculate_asks_and_nobody_moves_without_a_yes(run: Run, movers: list[User], tokyo: Server) -> None:
    assert refused(run("recalculate", input="n\n")) == "Nobody was moved."
    assert "add --yes" in refused(run("recalculate", "--json"))
    assert not User.objects.filter(home=tokyo).exists()
    assert said(run("recalculate", input="y\n")).endswith("2 users moved.\n  2 from paris to tokyo\n")
    assert User.objects.filter(home=tokyo).count() == 2


def test_recalculate_for_programs(run: Run, movers: list[User], tokyo: Server) -> None:
    facts = told(run, "recalculate", "--yes")
    assert (facts["moved"], [move["moved"] for move in facts["moves"]]) == (2, [True, True])
    assert told(run, "recalculate", "--yes")["looked_at"] == 0
    assert told(run, "recalculate", "--yes", "--all")["looked_at"] == 3


def test_rules_that_change_in_between_are_a_sentence(
    run: Run, movers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes.typer, "confirm", lambda *_, **__: Rule.objects.update(login_pattern="^b"))
    assert "The rules were changed since this preview." in refused(run("recalculate"))


@pytest.mark.parametrize("command", [("list",), ("explain", "x"), ("preview",), ("recalculate", "--yes")])
def test_a_slave_names_the_master(run: Run, paris: Server, tokyo: Server, command: tuple[str, ...]) -> None:
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    assert refused(run(*command)) == "paris is a slave. Run this on the master, tokyo."
