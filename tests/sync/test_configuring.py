"""Interval, allowed failures and guard are set on a page, and hold at once (D8)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import Guard, User
from posthouse.audit.models import Event
from posthouse.cluster.models import Server
from posthouse.sync.models import Rhythm

PAGE = reverse("sync:configure")
GOOD = {"sync-interval": "300", "sync-failures": "0", "guard-share": "35", "guard-minimum": "4"}


def test_what_is_set_is_shown_and_in_force(client: Client, admin: User) -> None:
    client.force_login(admin)
    page = client.get(PAGE).content.decode()
    assert all(f'value="{value}"' in page for value in (60, 5, 20, 10))
    assert PAGE in client.get(reverse("web:configuration")).content.decode()

    assert client.post(PAGE, GOOD).status_code == 302
    assert (Rhythm.in_force().interval, Rhythm.in_force().failures) == (300, 0)
    assert (Guard.in_force().share, Guard.in_force().minimum) == (35, 4)
    assert Event.objects.get(action="sync.configured").actor == "Admin"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sync-interval", "4"),
        ("sync-interval", "86401"),
        ("sync-failures", "-1"),
        ("guard-share", "0"),
        ("guard-share", "101"),
        ("guard-minimum", "0"),
        ("guard-minimum", "many"),
    ],
)
def test_nothing_is_set_when_a_value_is_not_possible(client: Client, admin: User, field: str, value: str) -> None:
    client.force_login(admin)
    assert client.post(PAGE, GOOD | {field: value}).status_code == 200
    assert not Rhythm.objects.exists()
    assert not Guard.objects.exists()


def test_the_page_is_for_administrators_of_the_master(client: Client, admin: User, alice: User, paris: Server) -> None:
    client.force_login(alice)
    assert client.get(PAGE).status_code == 403
    client.force_login(admin)
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    assert client.post(PAGE, GOOD).status_code == 403
    assert not Rhythm.objects.exists()
