"""A server that comes back says so, and what waited for it starts at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from posthouse.cluster import calls
from posthouse.cluster.errors import NoConnection
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Place, Reply
from posthouse.jobs import leases
from posthouse.jobs.models import State
from posthouse.packages.models import Package
from posthouse.relays import knock, links
from posthouse.relays.models import Link, Relay
from tests.cluster.conftest import Signer, here, signer  # noqa: F401 - fixtures
from tests.conftest import make_user

BACK = "/aspera/faspex/relays/back"


class Doors:
    """A network on which some servers answer."""

    def __init__(self, *open_doors: str) -> None:
        self.open = open_doors
        self.heard: list[tuple[str, str, str]] = []

    def send(self, place: Place, method: str, target: str, *_: object) -> Reply:
        if place.host not in self.open:
            raise NoConnection("Nothing answers.")
        self.heard.append((place.host, method, target))
        return Reply(200, {}, b"{}")


@pytest.mark.django_db(transaction=True)
def test_all_that_answer_are_told_and_the_others_do_not_matter(here: Server, tokyo: Server, rio: Server) -> None:  # noqa: F811
    Server.objects.create(name="oslo", host="oslo.example", removed_at=timezone.now(), keys=[])
    doors = Doors("rio.example")
    with calls.through(doors):
        knock.at_all()
    assert doors.heard == [("rio.example", "POST", BACK)]


def test_what_waits_for_the_one_who_knocks_starts_at_once(client: Client, signer: Signer, rio: Server) -> None:  # noqa: F811
    alice = make_user("alice", rio)
    for server in (signer.server, rio):
        package = Package.objects.create(title="Rushes", sender=alice, origin=rio)
        later = timezone.now() + timedelta(minutes=9)
        Relay.objects.create(package=package, destination=server, state=State.DEFERRED, next_try_at=later)
        Link.objects.create(server=server, failures=7, next_try_at=later, last_error="Nothing answers.")
    assert leases.claim(links.due(), "one") is None
    body = b"{}"
    answer = client.post(
        BACK, body, content_type="application/json", headers=signer.sign("POST", BACK, body=body), secure=True
    )
    assert answer.status_code == 200
    row = leases.claim(links.due(), "one")
    assert row is not None
    assert row.destination == signer.server
    assert leases.claim(links.due(), "one") is None, "the other server has not knocked"


def test_nobody_else_is_listened_to(client: Client, tokyo: Server) -> None:
    assert client.post(BACK, b"{}", content_type="application/json", secure=True).status_code == 401
