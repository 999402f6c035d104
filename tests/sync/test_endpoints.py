"""What a slave takes from whom: everything from its master, nothing from anybody else (D7)."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.relays import wire
from posthouse.sync import batches
from posthouse.sync.lines import NULL
from posthouse.sync.models import Received
from tests.cluster.conftest import Signer

TURN = "1" * 32
EVE = "\t".join(
    ["0" * 32, "eve", "Eve", "eve@tokyo.example", "administrator", "1", "!", NULL, "0", NULL, "", NULL, NULL, NULL, ""]
)
STATE = {"turn": TURN, "change": 9, "root": "", "anew": True, "mark": "2" * 32, "after": "", "force": True}
CALLS = {
    "state": json.dumps(STATE).encode(),
    "accounts": b'{"after": ""}',
    "buckets": json.dumps({"turn": TURN, "step": 0}).encode(),
    "batch": batches.dumps(batches.Batch({"users": [EVE]}, after=7, upto=8)),
    "finish": json.dumps({"turn": TURN, "step": 0, "upto": 9}).encode(),
}
DEEP = b"[" * 100_000


def send(client: Client, signer: Signer, name: str, body: bytes) -> HttpResponse:
    path = reverse(f"sync:{name}")
    query = f"turn={TURN}&step=0&mark={TURN}" if name == "batch" else ""
    headers: Any = signer.sign("POST", path, query, body=body)
    return client.post(path, body, content_type="application/json", headers=headers, secure=True, QUERY_STRING=query)


@pytest.fixture
def slave_of_rio(here: Server, rio: Server, alice: User) -> Received:
    """This server as a slave of Rio, which has sent changes up to number 7."""
    Server.objects.filter(pk=here.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=rio.pk).update(role=Server.Role.MASTER)
    return Received.objects.create(master=rio, change=7)


@pytest.mark.parametrize("name", CALLS)
def test_another_slave_of_the_cluster_may_push_nothing(
    client: Client,
    slave_of_rio: Received,
    signer: Signer,
    alice: User,
    name: str,
) -> None:
    people = list(User.objects.values())
    for body in (CALLS[name], b"what is this"):
        answer = send(client, signer, name, body)
        assert (answer.status_code, answer.json()["code"]) in {(409, "role"), (400, "")}
        assert answer.status_code == 409 or name != "batch", "nothing is unpacked for whoever is not the master"
    assert list(User.objects.values()) == people
    assert Received.objects.get().change == 7


@pytest.mark.parametrize("name", CALLS)
def test_a_server_that_is_no_slave_takes_nothing(client: Client, signer: Signer, alice: User, name: str) -> None:
    answer = send(client, signer, name, CALLS[name])
    assert (answer.status_code, answer.json()["code"]) == (409, "role")
    assert [user.login for user in User.objects.all()] == ["alice"]


@pytest.mark.parametrize(("name", "body"), [("state", DEEP), ("batch", zlib.compress(DEEP))])
def test_json_that_is_nested_too_deep_is_refused_and_breaks_nothing(
    client: Client,
    slave_of_rio: Received,
    signer: Signer,
    name: str,
    body: bytes,
) -> None:
    slave_of_rio.master = signer.server
    slave_of_rio.save()
    assert send(client, signer, name, body).status_code == 400


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("state", {}),
        ("state", STATE | {"mark": "what"}),
        ("state", STATE | {"mark": 7}),
        ("accounts", {"after": "what"}),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: Client, slave_of_rio: Received, signer: Signer, name: str, document: dict[str, Any]
) -> None:
    Received.objects.update(master=signer.server)
    assert send(client, signer, name, json.dumps(document).encode()).status_code == 400
    assert (Received.objects.get().change, Received.objects.get().mark) == (7, None)


def test_a_bundle_whose_head_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(wire.WireError):
        list(wire.unpack(len(DEEP).to_bytes(4) + DEEP))
