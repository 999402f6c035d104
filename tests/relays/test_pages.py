"""People see where the relays of a package stand, and may retry or cancel them (R59 to R64, M17)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.packages.models import Package
from posthouse.relays.models import Link, Relay
from tests.conftest import make_user


@pytest.fixture
def package(alice: User, bob: User, carla: User, paris: Server, tokyo: Server, rio: Server) -> Package:
    """A package of Alice's with a relay to tokyo that is done, and one to rio that waits."""
    package = Package.objects.create(
        title="Rushes <b>",
        sender=alice,
        origin=paris,
        status="relaying",
        size=1000,
        file_count=2,
        closed_at=timezone.now(),
    )
    Relay.objects.create(package=package, destination=tokyo, state="done", size=1000, done=1000)
    Relay.objects.create(
        package=package,
        destination=rio,
        state="deferred",
        size=1000,
        done=400,
        fence=1,
        attempts=3,
        last_error="Nothing answers at rio.example.",
        next_try_at=timezone.now() + timedelta(minutes=5, seconds=30),
    )
    return package


def page(client: Client, package: Package, **headers: str) -> str:
    answer = client.get(reverse("relays:package", args=[package.pk]), secure=True, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_status_destination_last_update_and_error(client: Client, alice: User, package: Package) -> None:
    client.force_login(alice)
    text = page(client, package)
    for shown in ("tokyo", "Complete", "rio", "Waiting", "Nothing answers at rio.example.", "Attempt 3"):
        assert shown in text
    assert "400 bytes of 1.00 kB" in text
    assert "in 5 minutes" in text
    assert "Rushes &lt;b&gt;" in text
    assert "just now" in text


def test_administrators_see_it_too_and_others_do_not(
    client: Client, admin: User, package: Package, paris: Server
) -> None:
    client.force_login(admin)
    assert "tokyo" in page(client, package)
    client.force_login(make_user("eve", paris))
    place = reverse("relays:package", args=[package.pk])
    assert client.get(place, secure=True).status_code == 404
    for act in ("relays:retry", "relays:cancel"):
        relay = package.relays.get(state="deferred")
        assert client.post(reverse(act, args=[relay.pk]), secure=True).status_code == 404
        relay.refresh_from_db()
        assert relay.state == "deferred"
    client.logout()
    assert client.get(place, secure=True).status_code == 302


def test_the_list_is_live_while_something_moves(client: Client, alice: User, package: Package) -> None:
    client.force_login(alice)
    polled = page(client, package, HX_Request="true", Posthouse_Poll="1")
    assert "<html" not in polled
    assert 'hx-trigger="every 2s' in polled
    package.relays.update(state="done")
    assert "hx-trigger" not in page(client, package, HX_Request="true", Posthouse_Poll="1")


def test_a_retry_starts_the_relay_at_once(client: Client, alice: User, package: Package) -> None:
    client.force_login(alice)
    relay = package.relays.get(state="deferred")
    place = reverse("relays:retry", args=[relay.pk])
    assert place in page(client, package)
    answer = client.post(place, secure=True, follow=True)
    assert "The relay to rio is tried again now." in answer.content.decode()
    relay.refresh_from_db()
    assert (relay.state, relay.next_try_at, relay.attempts) == ("queued", None, 0)


def test_a_relay_that_is_done_offers_neither_retry_nor_cancel(client: Client, alice: User, package: Package) -> None:
    client.force_login(alice)
    done = package.relays.get(state="done")
    text = page(client, package)
    for act in ("relays:retry", "relays:cancel"):
        assert reverse(act, args=[done.pk]) not in text
        assert client.post(reverse(act, args=[done.pk]), secure=True, follow=True).status_code == 200
    done.refresh_from_db()
    assert done.state == "done"


def test_a_cancelled_relay_says_by_whom(client: Client, admin: User, package: Package, rio: Server) -> None:
    client.force_login(admin)
    relay = package.relays.get(state="deferred")
    Link.objects.create(server=rio, failures=1, next_try_at=timezone.now(), last_error="x")
    answer = client.post(reverse("relays:cancel", args=[relay.pk]), secure=True, follow=True)
    text = answer.content.decode()
    assert "Cancelled by Admin." in text
    package.refresh_from_db()
    assert package.status == "error"


def test_a_relay_that_waits_for_its_link_says_what_is_wrong_with_it(
    client: Client, alice: User, package: Package, rio: Server
) -> None:
    package.relays.filter(state="deferred").update(state="queued", next_try_at=None, last_error="", attempts=0)
    Link.objects.create(
        server=rio,
        failures=4,
        next_try_at=timezone.now() + timedelta(minutes=3, seconds=30),
        last_error="paris runs version 1, rio runs 2.",
    )
    client.force_login(alice)
    text = page(client, package)
    assert "paris runs version 1, rio runs 2." in text
    assert "in 3 minutes" in text


def test_a_package_without_relays_says_why(client: Client, alice: User, package: Package) -> None:
    package.relays.all().delete()
    client.force_login(alice)
    assert "No relays" in page(client, package)
