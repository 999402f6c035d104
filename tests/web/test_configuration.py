"""Server > Configuration lists the pages that the apps add to it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.web import configuration
from posthouse.web.configuration import Section


def test_the_pages_are_listed_by_title(client: Client, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_sections", {})
    configuration.register(Section("Transfers", "web:health_page", "transfer", "Bandwidth of relays."))
    configuration.register(Section("Licence", "web:health_page2", "certificate", "What is allowed here."))
    assert [section.title for section in configuration.sections()] == ["Licence", "Transfers"]
    del configuration._sections["web:health_page2"]
    client.force_login(admin)
    answer = client.get(reverse("web:configuration"), secure=True).content.decode()
    assert "Bandwidth of relays." in answer
    assert reverse("web:health_page") in answer


def test_it_is_for_administrators(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(reverse("web:configuration"), secure=True).status_code == 403
