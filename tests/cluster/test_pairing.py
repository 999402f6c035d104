"""Servers become a cluster and leave it: two whole servers, each with a database (R2, R9-R21, R65-R67, M2, D4)."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from posthouse.accounts.models import User
from posthouse.cluster import endpoints, identity, looking, pairing, servers
from posthouse.cluster.certificate import Certificate
from posthouse.cluster.errors import CallError, NameUnknown, NotPosthouse, NotTrusted
from posthouse.cluster.models import Server
from posthouse.cluster.pairing import PairingRefused
from posthouse.cluster.transport import Reply
from posthouse.sync.models import Copy
from tests.cluster.far import Far, answer

CONVERT = "from posthouse.cluster import pairing\nresult = str(pairing.convert('paris.example').id)"
ROLE = "from posthouse.cluster import servers\nresult = servers.this().role"
RESET = "from posthouse.cluster import pairing\npairing.reset()"
ACCOUNTS = (
    "from posthouse.accounts.models import User\n"
    "result = sorted((u.login, u.local, u.home.name if u.home else '') for u in User.objects.all())"
)


@pytest.fixture
def alone(transactional_db: None) -> Server:
    """This server, still alone."""
    return servers.ensure_this()


@pytest.fixture
def slave(alone: Server, far: Far) -> Server:
    """Tokyo, converted and added."""
    far.run(CONVERT)
    return pairing.add("tokyo", "tokyo.example")


def test_looking_tells_who_answers_and_its_fingerprint(alone: Server, far: Far) -> None:
    found = pairing.look("tokyo.example")

    assert (found.name, found.role, found.address.port) == ("tokyo", "stand-alone", 443)
    key = far.run("from posthouse.cluster import identity\nresult = identity.public_key()")
    assert found.fingerprint == identity.fingerprint(key)


def test_converting_and_adding_makes_a_master_and_a_slave(alone: Server, far: Far) -> None:
    assert far.run(CONVERT) == str(alone.id)
    slave = pairing.add("Tokio", "TOKYO.example", "/aspera/faspex/", 443, "10.0.0.2:8443")

    assert far.run(ROLE) == "slave"
    assert servers.this().role == Server.Role.MASTER
    assert (slave.name, slave.host, slave.namespace, slave.alternate_address) == (
        "Tokio",
        "tokyo.example",
        "/aspera/faspex",
        "10.0.0.2:8443",
    )
    copy = Copy.objects.get(server=slave)
    assert copy.status == Copy.Status.OUT_OF_SYNC
    assert copy.reason == "It was never synced."


def test_administrators_of_a_new_slave_become_local_and_others_stay_for_the_time_being(alone: Server, far: Far) -> None:
    far.run(CONVERT)
    assert far.run(ACCOUNTS) == [["boss", True, "tokyo"], ["ken", False, "tokyo"]]


def test_a_server_without_an_administrator_of_its_own_is_not_converted(alone: Server, far: Far) -> None:
    far.run("from posthouse.accounts.models import User\nUser.objects.filter(login='boss').update(is_active=False)")
    with pytest.raises(RuntimeError, match="no active administrator of its own"):
        far.run(CONVERT)
    assert far.run(ROLE) == "stand-alone"
    assert far.run(ACCOUNTS)[0] == ["boss", False, "tokyo"]


def test_a_key_other_than_the_compared_one_is_refused(alone: Server, far: Far) -> None:
    with pytest.raises(RuntimeError, match="shows another fingerprint now"):
        far.run("from posthouse.cluster import pairing\npairing.convert('paris.example', 'A' * 43 + '=')")
    assert far.run(ROLE) == "stand-alone"
    far.run(CONVERT)
    with pytest.raises(PairingRefused, match="shows another fingerprint now"):
        pairing.add("tokyo", "tokyo.example", expected_key="A" * 43 + "=")
    assert servers.this().role == Server.Role.STANDALONE


def test_a_server_that_was_not_converted_is_not_added(alone: Server, far: Far) -> None:
    with pytest.raises(PairingRefused, match=r"tokyo is no slave yet\. Log in there first") as refused:
        pairing.add("tokyo", "tokyo.example")
    assert refused.value.field == "host"


def test_a_server_is_added_once_and_each_name_is_used_once(slave: Server, far: Far) -> None:
    with pytest.raises(PairingRefused, match="in the Server List already, as tokyo"):
        pairing.add("kyoto", "tokyo.example")
    Server.objects.create(name="Rio", host="rio.example", role=Server.Role.SLAVE)
    with pytest.raises(PairingRefused, match="already"):
        pairing.edit(slave, "rio", slave.host, slave.namespace, slave.port)
    with pytest.raises(PairingRefused, match="There is a server called RIO"):
        pairing.add("RIO", "tokyo.example")


def test_this_servers_own_name_and_address_are_refused(slave: Server, far: Far) -> None:
    with pytest.raises(PairingRefused, match="This server is called Paris"):
        pairing.add("Paris", "tokyo.example")
    with pytest.raises(RuntimeError, match="is a slave already"):
        far.run(CONVERT)
    with pytest.raises(PairingRefused, match="is the master of a cluster"):
        pairing.convert("tokyo.example")


def test_a_server_is_not_paired_with_itself(alone: Server, far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        far, "send", lambda place, method, target, headers, body, *_: answer(method, target, headers, body)
    )
    monkeypatch.setattr("posthouse.cluster.certificate.own_fingerprint", lambda: "0" * 64)
    with pytest.raises(PairingRefused, match="the address of paris itself"):
        pairing.convert("tokyo.example")
    with pytest.raises(PairingRefused, match="the address of paris itself"):
        pairing.add("tokyo", "tokyo.example")


def test_a_slave_does_not_change_the_server_list(slave: Server, far: Far) -> None:
    for code in ("pairing.add('x', 'paris.example')", "pairing.remove(servers.master())"):
        with pytest.raises(RuntimeError, match=r"changed and removed at the master\. Go to paris"):
            far.run(f"from posthouse.cluster import pairing, servers\n{code}")


def test_removing_and_resetting_gives_back_two_servers_that_stand_alone(slave: Server, far: Far) -> None:
    carla = User.objects.create(login="carla", name="Carla", email="carla@example.com", home=slave, home_by_hand=True)
    pairing.remove(slave)

    assert servers.this().role == Server.Role.STANDALONE
    carla.refresh_from_db()
    assert (carla.home, carla.home_by_hand) == (servers.this(), False)
    assert not Copy.objects.exists()
    with pytest.raises(RuntimeError, match="tokyo was removed from this cluster"):
        far.run(
            "from posthouse.cluster import calls, servers\n"
            "calls.call(servers.master(), 'POST', 'cluster/test', json={})"
        )

    far.run(RESET)
    assert far.run(ROLE) == "stand-alone"
    assert far.run(ACCOUNTS) == [["boss", False, "tokyo"], ["ken", False, "tokyo"]]


def test_a_removed_and_reset_server_can_be_converted_again(slave: Server, far: Far) -> None:
    pairing.remove(slave)
    far.run(RESET)
    far.run(CONVERT)
    again = pairing.add("tokyo", "tokyo.example")

    assert again.id == slave.id
    assert again.removed_at is None
    assert Copy.objects.get(server=again).status == Copy.Status.OUT_OF_SYNC


def test_a_server_is_removed_once(slave: Server) -> None:
    pairing.remove(slave)
    with pytest.raises(PairingRefused, match="not in the Server List any more"):
        pairing.remove(slave)


def test_only_a_slave_is_reset(alone: Server) -> None:
    with pytest.raises(PairingRefused, match="Only a slave"):
        pairing.reset()


def test_a_new_address_must_lead_to_the_same_server(slave: Server, far: Far) -> None:
    far.places["elsewhere.example"] = Certificate("0" * 64)
    pairing.edit(slave, "tokyo", "elsewhere.example", "/aspera/faspex", 8443)
    slave.refresh_from_db()
    assert (slave.host, slave.port) == ("elsewhere.example", 8443)

    with pytest.raises(NameUnknown):
        pairing.edit(slave, "tokyo", "nowhere.example", "/aspera/faspex", 443)
    slave.keys = ["A" * 43 + "="]
    slave.save()
    with pytest.raises(PairingRefused, match="another identity key than the one that was pinned"):
        pairing.edit(slave, "tokyo", "tokyo.example", "/aspera/faspex", 443)


def test_a_renewed_certificate_is_pinned_anew_when_the_key_proves_it(slave: Server, far: Far) -> None:
    Server.objects.filter(id=slave.id).update(tls_pin="9" * 64)
    slave.refresh_from_db()
    pairing.renew_certificate(slave)
    slave.refresh_from_db()
    assert slave.tls_pin == ""


def test_somebody_in_between_with_another_certificate_is_found_out(alone: Server, far: Far) -> None:
    far.places["tokyo.example"] = Certificate("e" * 64, "self-signed certificate")
    with pytest.raises(NotTrusted, match="Something stands between"):
        pairing.look("tokyo.example")


def test_an_answer_signed_over_another_nonce_proves_nothing(
    alone: Server, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = answer("GET", "/aspera/faspex/cluster/identity?nonce=" + "a" * 32, {}, b"")
    monkeypatch.setattr(far, "send", lambda *_: old)
    with pytest.raises(NotTrusted, match="could not prove"):
        pairing.look("tokyo.example")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b"[]",
        b'{"document": "x", "signature": ""}',
        json.dumps({"document": '{"keys": []}', "signature": base64.b64encode(b"x").decode()}).encode(),
        json.dumps({"document": '{"keys": ["AAAA"]}', "signature": "!"}).encode(),
    ],
)
def test_what_is_no_posthouse_is_said_to_be_none(
    alone: Server, far: Far, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(far, "send", lambda *_: Reply(200, {}, body))
    with pytest.raises(NotPosthouse, match="not a Posthouse server"):
        pairing.look("tokyo.example")


@pytest.mark.parametrize(
    "said",
    [
        {"name": "x" * 61},
        {"name": ""},
        {"name": "tok\u202eyo"},
        {"version": "1" * 41},
        {"keys": ["no key"]},
        {"keys": [None] * 5},
        {"role": "emperor"},
        {"id": "tokyo"},
    ],
)
def test_a_server_that_says_of_itself_what_cannot_be_is_not_taken_for_one(
    alone: Server, far: Far, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    """Its answer is proven, and strangers give it: nothing of it is written down, or shown, unseen."""
    keys = [identity.public_key(), *said.get("keys", [])]

    def send(_place: object, _method: str, target: str, *_: object) -> Reply:
        (nonce,) = parse_qs(urlsplit(target).query)["nonce"]
        text = json.dumps(json.loads(looking.describe(nonce)["document"]) | said | {"keys": keys})
        signature = identity.private_key().sign(looking._to_sign(nonce, text))
        return Reply(
            200, {}, json.dumps({"document": text, "signature": base64.b64encode(signature).decode()}).encode()
        )

    monkeypatch.setattr(far, "send", send)
    with pytest.raises(NotPosthouse, match="another language"):
        pairing.look("tokyo.example")


def test_another_namespace_is_said_to_hold_no_posthouse(
    alone: Server, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far, "send", lambda *_: Reply(404, {}, b"Not found"))
    with pytest.raises(NotPosthouse, match="URL namespace /other"):
        pairing.look("tokyo.example/other")


def test_an_unreachable_server_is_said_to_be_so(alone: Server, far: Far) -> None:
    far.down.add("tokyo.example")
    with pytest.raises(CallError, match=r"Nothing answers at tokyo\.example"):
        pairing.look("tokyo.example")


@pytest.mark.parametrize("nonce", ["", "short", "x" * 65, "é" * 20])
def test_the_identity_is_signed_for_proper_nonces_only(alone: Server, rf, nonce: str) -> None:  # type: ignore[no-untyped-def]
    assert endpoints.identity(rf.get("/", {"nonce": nonce})).status_code == 400
