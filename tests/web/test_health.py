"""Monitors and administrators can ask whether the server is well."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.config.options import Options
from posthouse.web import health


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store's folder, made for this test."""
    folder = tmp_path / "store"
    folder.mkdir()
    options: Options = settings.POSTHOUSE.model_copy(update={"store_dir": folder})
    monkeypatch.setattr(settings, "POSTHOUSE", options)
    return folder


def ask(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get(reverse("web:health"), secure=True)
    return answer.status_code, answer.json()


@pytest.mark.django_db
def test_a_working_server_says_so_to_anybody(client: Client, store: Path) -> None:
    status, answer = ask(client)
    assert status == 200
    assert answer["status"] == "ok"
    assert answer["version"]
    assert list(store.iterdir()) == [], "the trial file is gone"


@pytest.mark.django_db
def test_a_store_that_is_gone_is_named_but_not_its_path(client: Client, store: Path) -> None:
    store.rmdir()
    status, answer = ask(client)
    assert status == 503
    assert answer["reason"] == "store"
    assert str(store) not in str(answer)


@pytest.mark.django_db
def test_a_database_that_is_gone_is_named(client: Client, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError("no route to db.internal")

    monkeypatch.setattr(connection, "cursor", gone)
    status, answer = ask(client)
    assert status == 503
    assert answer == {"status": "failing", "reason": "database", "version": answer["version"]}


def test_administrators_see_the_facts(client: Client, admin: User, store: Path) -> None:
    client.force_login(admin)
    page = client.get(reverse("web:health_page"), secure=True).content.decode()
    assert "Health of paris" in page
    assert "SQLite" in page or "PostgreSQL" in page
    assert f"free in {store}" in page


def test_a_broken_store_is_shown_with_its_cure(client: Client, admin: User, store: Path) -> None:
    store.rmdir()
    client.force_login(admin)
    page = client.get(reverse("web:health_page"), secure=True).content.decode()
    assert "cannot be written" in page
    assert "disk is mounted" in page


def test_other_people_do_not_see_them(client: Client, alice: User) -> None:
    assert client.get(reverse("web:health_page"), secure=True).status_code == 302
    client.force_login(alice)
    assert client.get(reverse("web:health_page"), secure=True).status_code == 403


@pytest.mark.django_db
def test_other_apps_add_their_facts(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_sources", [])
    health.register(lambda: [health.Fact("Workers", "error", "none is running", "Start one.")])
    assert "Workers" in [fact.name for fact in health.facts()]
