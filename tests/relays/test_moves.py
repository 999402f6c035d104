"""People, and servers, that move while packages are on their way: each has a defined end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.packages import lifecycle
from posthouse.packages.models import Delivery, Package
from posthouse.relays import moves, picking, queue
from posthouse.relays.models import Arrival, Link, Relay
from tests.relays.conftest import PART, Tokyo, Wire, nothing_to_see

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Package]


@pytest.fixture
def send(paris: Server, alice: User) -> Send:
    """Have Alice send a closed package to people."""

    def make(*people: User) -> Package:
        package = Package.objects.create(title="Rushes", sender=alice, origin=paris, size=1000)
        Delivery.objects.bulk_create(Delivery(package=package, recipient=one, home_id=one.home_id) for one in people)
        assert lifecycle.close(package)
        return package

    return make


def move(person: User, to: Server) -> None:
    User.objects.filter(pk=person.pk).update(home=to)


def plan(package: Package) -> dict[str, str]:
    """Return the state of the relay to each destination."""
    return dict(Relay.objects.filter(package=package).values_list("destination__name", "state"))


def homes(package: Package) -> dict[str, str]:
    return dict(package.deliveries.values_list("recipient__login", "home__name"))


def test_a_relay_that_has_not_begun_follows_its_recipient(send: Send, bob: User, rio: Server) -> None:
    package = send(bob)
    move(bob, rio)
    assert moves.follow() == 1
    assert (plan(package), homes(package)) == ({"rio": "queued"}, {"bob": "rio"})
    assert moves.follow() == 0


def test_those_who_stay_get_it_as_planned(send: Send, bob: User, tokyo: Server, rio: Server) -> None:
    ben = User.objects.create(login="ben", name="Ben", email="ben@example.com", home=tokyo)
    package = send(bob, ben)
    move(bob, rio)
    moves.follow()
    assert plan(package) == {"tokyo": "queued", "rio": "queued"}
    assert homes(package) == {"bob": "rio", "ben": "tokyo"}


def test_who_moves_to_the_senders_server_has_it_at_once(send: Send, bob: User, paris: Server) -> None:
    package = send(bob)
    move(bob, paris)
    moves.follow()
    package.refresh_from_db()
    assert (plan(package), package.status) == ({}, "complete")
    assert package.deliveries.get().available_at is not None


def test_a_relay_that_waits_for_a_dead_server_follows_too(send: Send, bob: User, rio: Server) -> None:
    package = send(bob)
    Relay.objects.update(state="deferred", fence=3, attempts=3, next_try_at=timezone.now() - timedelta(seconds=1))
    move(bob, rio)
    moves.follow()
    assert plan(package) == {"rio": "queued"}


@pytest.mark.parametrize("fields", [{"done": 5, "state": "deferred"}, {"state": "active"}, {"state": "done"}])
def test_a_relay_that_has_begun_ends_at_the_old_home(
    send: Send, bob: User, rio: Server, fields: dict[str, object]
) -> None:
    package = send(bob)
    Relay.objects.update(**fields)
    before = plan(package)
    move(bob, rio)
    moves.follow()
    assert (plan(package), homes(package)) == (before, {"bob": "tokyo"})


def test_nobody_is_added_to_a_relay_that_has_begun(send: Send, bob: User, carla: User, rio: Server) -> None:
    package = send(bob, carla)
    Relay.objects.filter(destination=rio).update(done=5, state="deferred")
    move(bob, rio)
    moves.follow()
    assert homes(package) == {"bob": "tokyo", "carla": "rio"}
    assert plan(package) == {"tokyo": "queued", "rio": "deferred"}


def test_what_was_held_stays_held(send: Send, bob: User, rio: Server) -> None:
    ben = User.objects.create(login="ben", name="Ben", email="ben@example.com", home_id=bob.home_id)
    package = send(bob, ben)
    Relay.objects.update(state="held", held_by="Admin")
    move(bob, rio)
    moves.follow()
    assert plan(package) == {"tokyo": "held", "rio": "queued"}


def test_a_server_with_a_new_address_is_tried_there(send: Send, bob: User, tokyo: Server) -> None:
    send(bob)
    Server.objects.filter(pk=tokyo.pk).update(host="new.example")
    row = picking.claim("one")
    assert row is not None
    assert row.destination.host == "new.example"


def test_a_slave_that_is_reset_forgets_what_was_on_its_way_to_it(
    tokyo_sends: Callable[..., Tokyo], tokyo: Server, line: Wire
) -> None:
    sends = tokyo_sends(PART)
    sends.far().offer(sends.manifest.package, 1)
    moves.forget_arrivals([tokyo])
    assert not Arrival.objects.exists()
    assert nothing_to_see()


def test_relays_of_a_slave_that_is_reset_end_with_that_reason(send: Send, bob: User, tokyo: Server) -> None:
    package = send(bob)
    Server.objects.filter(pk=tokyo.pk).update(removed_at=timezone.now())
    queue.end_removed()
    package.refresh_from_db()
    assert (package.status, package.error) == ("error", "tokyo: tokyo was removed from the cluster.")
    assert Link.objects.exists()
