"""What has arrived of a relay that was cancelled while the line was down is forgotten all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone

from posthouse.cluster import calls
from posthouse.cluster.errors import NoConnection
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Place, Reply
from posthouse.jobs.models import State
from posthouse.lib.ids import uuid7
from posthouse.packages.models import Package
from posthouse.relays import wanted, wire
from posthouse.relays.models import Arrival, Relay
from posthouse.relays.sending import Sending
from posthouse.relays.wire import Gap, Outlined, Standing
from posthouse.store.models import Blob, Part
from tests.cluster.conftest import Signer
from tests.conftest import make_user
from tests.relays.conftest import PART, Tokyo, Wire

WANTED = "/aspera/faspex/relays/wanted"
Send = Callable[..., Tokyo]


class Says:
    """A network on which each server says the same of all that it is asked about."""

    def __init__(self, answer: Callable[[list[str]], object] | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def send(self, place: Place, method: str, target: str, headers: object, body: bytes, *_: object) -> Reply:
        assert (method, target) == ("POST", WANTED)
        relays = json.loads(body)["relays"]
        self.asked += relays
        if self.answer is None:
            raise NoConnection("Nothing answers.")
        return Reply(200, {}, json.dumps(self.answer(relays)).encode())


def ask(says: Says) -> int:
    with calls.through(says):
        try:
            return wanted.ask_all()
        finally:
            close_old_connections()


@pytest.fixture
def arrival(tokyo_sends: Send, line: Wire) -> Arrival:
    """Some of a package has come during its upload, and then nothing any more for hours."""
    tokyo = tokyo_sends(3 * PART)
    far = tokyo.far()
    far.offer(tokyo.manifest.package, tokyo.manifest.size)
    far.outline(wire.outline([Outlined(3 * PART, "blake3")]))
    sending = Sending(far, tokyo.manifest, tokyo.read, check=lambda: None, progress=lambda _: None)
    sending.bring(Standing(wire.ARRIVING, [Gap(0, 0, 1)]))
    Arrival.objects.update(updated_at=timezone.now() - timedelta(hours=2))
    return Arrival.objects.get()


@pytest.mark.django_db(transaction=True)
def test_what_its_sender_does_not_want_any_more_is_forgotten_with_its_bytes(arrival: Arrival, store: Path) -> None:
    assert [path for path in store.rglob("*") if path.is_file()]
    assert ask(Says(lambda relays: {"unwanted": relays})) == 1
    assert [model.objects.count() for model in (Blob, Part, Arrival)] == [0, 0, 0]
    assert [path for path in store.rglob("*") if path.is_file()] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [None, lambda _: {"unwanted": []}, lambda _: [], lambda _: {"unwanted": [7]}])
def test_whatever_else_the_sender_says_it_stays(arrival: Arrival, answer: Callable[[list[str]], object] | None) -> None:
    says = Says(answer)
    assert ask(says) == 0
    assert says.asked == [str(arrival.pk)]
    assert Arrival.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_is_asked_about_what_goes_on_or_has_arrived(arrival: Arrival) -> None:
    Arrival.objects.update(updated_at=timezone.now())
    says = Says(lambda relays: {"unwanted": relays})
    ask(says)
    Arrival.objects.update(updated_at=timezone.now() - timedelta(hours=2), state=Arrival.State.COMMITTED)
    ask(says)
    assert says.asked == []
    assert Arrival.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_relay_that_is_begun_again_while_it_is_asked_about_stays(arrival: Arrival) -> None:
    def retried(relays: list[str]) -> object:
        Arrival.objects.update(fence=arrival.fence + 1)
        return {"unwanted": relays}

    assert ask(Says(retried)) == 0
    assert Arrival.objects.exists()


def test_the_sender_wants_all_but_what_was_cancelled_or_is_not_known(
    client: Client,
    signer: Signer,
    rio: Server,
) -> None:
    alice = make_user("alice", rio)

    def relay(destination: Server, state: State, cancelled_by: str = "") -> Relay:
        package = Package.objects.create(title="Rushes", sender=alice, origin=rio)
        return Relay.objects.create(package=package, destination=destination, state=state, cancelled_by=cancelled_by)

    kept = [
        relay(signer.server, State.ACTIVE),
        relay(signer.server, State.DEFERRED),
        relay(signer.server, State.FAILED),
        relay(signer.server, State.QUEUED, "Alice"),  # the worker will say so
    ]
    gone = [str(relay(signer.server, State.FAILED, "Alice").pk), str(relay(rio, State.ACTIVE).pk), str(uuid7())]
    body = json.dumps({"relays": [*(str(one.pk) for one in kept), *gone]}).encode()
    answer = client.post(
        WANTED, body, content_type="application/json", headers=signer.sign("POST", WANTED, body=body), secure=True
    )
    assert answer.json() == {"unwanted": gone}


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"relays": 7}', b'{"relays": ["x"]}', b'{"relays": [7]}'])
def test_a_call_that_names_no_relays_is_refused(client: Client, signer: Signer, body: bytes) -> None:
    headers = signer.sign("POST", WANTED, body=body)
    assert client.post(WANTED, body, content_type="application/json", headers=headers, secure=True).status_code == 400


def test_nobody_else_is_told(client: Client, tokyo: Server) -> None:
    assert client.post(WANTED, b"{}", content_type="application/json", secure=True).status_code == 401
