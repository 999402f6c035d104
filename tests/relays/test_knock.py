"""A server that comes back says so, and what waited for it starts at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from posthouse.cluster import calls
from posthouse.cluster.errors import NoConnection
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Place, Reply
from posthouse.jobs.models import State
from posthouse.packages.models import Package
from posthouse.relays import knock, links, picking
from posthouse.relays.models import Link, Relay
from tests.cluster.conftest import Signer
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
def test_all_that_answer_are_told_and_the_others_do_not_matter(here: Server, tokyo: Server, rio: Server) -> None:
    Server.objects.create(name="oslo", host="oslo.example", removed_at=timezone.now(), keys=[])
    doors = Doors("rio.example")
    with calls.through(doors):
        knock.at_all()
    assert doors.heard == [("rio.example", "POST", BACK)]


def test_what_waits_for_the_one_who_knocks_starts_at_once(client: Client, signer: Signer, rio: Server) -> None:
    alice = make_user("alice", rio)
    for server in (signer.server, rio):
        package = Package.objects.create(title="Rushes", sender=alice, origin=rio)
        later = timezone.now() + timedelta(minutes=9)
        Relay.objects.create(package=package, destination=server, state=State.DEFERRED, next_try_at=later)
        Link.objects.create(server=server, failures=7, next_try_at=later, last_error="Nothing answers.")
    assert picking.claim("one") is None
    body = b"{}"
    answer = client.post(
        BACK, body, content_type="application/json", headers=signer.sign("POST", BACK, body=body), secure=True
    )
    assert answer.status_code == 200
    row = picking.claim("one")
    assert row is not None
    assert row.destination == signer.server
    assert picking.claim("one") is None, "the other server has not knocked"


def test_nobody_else_is_listened_to(client: Client, tokyo: Server) -> None:
    assert client.post(BACK, b"{}", content_type="application/json", secure=True).status_code == 401


@pytest.fixture
def waiting(rio: Server, tokyo: Server) -> Relay:
    """A relay to rio, which could not be reached seven times and is to be tried again in nine minutes."""
    alice = make_user("alice", tokyo)
    package = Package.objects.create(title="Rushes", sender=alice, origin=tokyo)
    later, earlier = timezone.now() + timedelta(minutes=9), timezone.now() - timedelta(minutes=1)
    Link.objects.create(server=rio, failures=7, next_try_at=later, failed_at=earlier, since=earlier, probe_at=earlier)
    return Relay.objects.create(package=package, destination=rio, state=State.DEFERRED, next_try_at=later)


def probe() -> None:
    """Knock as the worker does, and wait for the outcome."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(knock._probe, knock._to_probe()).result()


@pytest.mark.django_db(transaction=True)
def test_after_a_cut_line_the_first_knock_that_is_heard_starts_one_relay(here: Server, waiting: Relay) -> None:
    with calls.through(Doors()):
        probe()
    assert picking.claim("one") is None
    Link.objects.update(probe_at=timezone.now())
    doors = Doors("rio.example")
    with calls.through(doors):
        probe()
    assert doors.heard == [("rio.example", "POST", BACK)]
    row = picking.claim("one")
    assert row is not None
    assert row.pk == waiting.pk
    assert Link.objects.get().failures == 7, "only the relay itself proves that relays get through"


@pytest.mark.django_db(transaction=True)
def test_nobody_knocks_too_often_nor_where_nothing_waits(here: Server, waiting: Relay) -> None:
    assert [server.name for server in knock._to_probe()] == ["rio"]
    assert knock._to_probe() == [], "another worker has just done it"
    Link.objects.update(probe_at=timezone.now())
    Relay.objects.update(state=State.DONE)
    assert knock._to_probe() == []


def test_any_call_from_a_server_that_could_not_be_reached_starts_one_relay_to_it(
    client: Client,
    signer: Signer,
    waiting: Relay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "_heard", {})
    for model in (Link.objects.filter(server=waiting.destination), Relay.objects.filter(pk=waiting.pk)):
        model.update(**{("server" if model.model is Link else "destination"): signer.server})

    def call() -> None:
        place, body = "/aspera/faspex/cluster/test", b"{}"
        headers = signer.sign("POST", place, body=body)
        answer = client.post(place, body, content_type="application/json", headers=headers, secure=True)
        assert answer.status_code == 200

    Link.objects.update(failed_at=timezone.now())
    call()
    assert picking.claim("one") is None, "it was tried a moment ago"
    monkeypatch.setattr(links, "_heard", {})
    Link.objects.update(failed_at=timezone.now() - timedelta(minutes=1))
    call()
    assert picking.claim("one") is not None
