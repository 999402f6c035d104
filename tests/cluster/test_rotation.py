"""A server's identity key is changed without anybody being shut out, and a stolen one is shut out at once (D7)."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.cluster import calls, identity, keys, pairing, rotation, servers
from posthouse.cluster.errors import NotTrusted, Refusal
from posthouse.cluster.models import Server
from posthouse.cluster.pairing import PairingRefused
from tests.cluster.conftest import Signer
from tests.cluster.far import Far
from tests.conftest import make_user
from tests.sync.test_pages import spoken

KNOWN_THERE = "from posthouse.cluster.models import Server\nresult = Server.objects.get(role='master').keys"
TIDY = "from posthouse.cluster import identity\nidentity.next_path().unlink(missing_ok=True)"


@pytest.fixture(autouse=True)
def no_key_is_left() -> Iterator[None]:
    yield
    identity.next_path().unlink(missing_ok=True)


@pytest.fixture
def slave(far: Far) -> Iterator[Server]:
    """Tokyo, a second whole server, paired."""
    servers.ensure_this()
    far.run("from posthouse.cluster import pairing\npairing.convert('paris.example')")
    yield pairing.add("tokyo", "tokyo.example")
    far.run(TIDY)


def call(server: Server) -> None:
    calls.call(server, "POST", "cluster/test", json={"back": True})


def test_a_key_is_rotated_in_three_steps_and_every_call_gets_through(slave: Server, far: Far) -> None:
    old = identity.public_key()
    new = rotation.begin().new
    assert stat.S_IMODE(identity.next_path().stat().st_mode) == 0o600
    assert servers.this().keys == keys.valid() == [old, new]
    with pytest.raises(PairingRefused, match="tokyo would refuse this server"):
        rotation.switch()
    assert rotation.tell_unaware() == []
    assert far.run(KNOWN_THERE) == [old, new]
    call(slave)

    rotation.switch()
    assert identity.public_key() == new
    assert not identity.next_path().exists()
    assert servers.this().keys == keys.valid() == [new, old]
    call(slave)

    rotation.retire()
    assert servers.this().keys == keys.valid() == [new]
    assert [server.name for server in rotation.unaware()] == ["tokyo"]
    assert rotation.tell_unaware() == []
    assert far.run(KNOWN_THERE) == [new]
    call(slave)
    told = set(Event.objects.values_list("action", flat=True))
    assert {"key.made", "key.used", "key.retired"} <= told


def test_a_slave_rotates_its_key_and_the_master_hears_of_it(slave: Server, far: Far) -> None:
    step = "from posthouse.cluster import rotation\nrotation.{}()\nresult = [w for _, w in rotation.tell_unaware()]"
    for name in ("begin", "switch", "retire"):
        assert far.run(step.format(name)) == []
        call(slave)
    slave.refresh_from_db()
    assert slave.keys == [far.run("from posthouse.cluster import identity\nresult = identity.public_key()")]
    assert Event.objects.filter(action="key.told", subject_id=slave.pk).count() == 2, "at its beginning and at its end"


def test_a_slave_that_was_away_for_two_rotations_follows(slave: Server, far: Far) -> None:
    for _ in range(2):
        rotation.begin()
        rotation.switch(without=True)
        rotation.retire()
    with pytest.raises(NotTrusted, match="signed with a key that is not the one known here"):
        call(slave)
    assert rotation.tell_unaware() == []
    assert far.run(KNOWN_THERE) == [identity.public_key()]
    call(slave)


def test_a_stolen_key_is_refused_at_once(slave: Server, far: Far) -> None:
    stolen = identity.private_key()
    rotation.replace()
    assert rotation.tell_unaware() == []
    assert keys.valid() == [identity.public_key()] != [identity.text_of(stolen.public_key())]
    call(slave)
    thief = (
        "from posthouse.cluster import keys, signatures, servers\n"
        "from posthouse.cluster.models import Server\n"
        "master = Server.objects.get(role='master')\n"
        f"result = {identity.text_of(stolen.public_key())!r} in master.keys"
    )
    assert far.run(thief) is False, "and nothing that the thief signs of other keys leads anywhere"


def test_each_step_can_be_done_again_after_a_sudden_death(slave: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    made = identity.make_next()  # the key is on the disk, and nothing else is written
    assert rotation.begin().new == made

    with monkeypatch.context() as patch:
        patch.setattr(rotation, "_show", lambda _: None)  # the new key signs, and nothing else is written
        rotation.switch(without=True)
    servers.ensure_this()  # as every start does
    assert servers.this().keys[0] == made == identity.public_key()
    with pytest.raises(PairingRefused, match="signs already"):
        rotation.switch(without=True)
    rotation.retire()
    with pytest.raises(PairingRefused, match="no old key"):
        rotation.retire()


def test_steps_come_in_their_order(here: Server) -> None:
    for step in (rotation.switch, rotation.retire):
        with pytest.raises(PairingRefused):
            step()
    rotation.begin()
    with pytest.raises(PairingRefused, match="has begun already"):
        rotation.begin()
    with pytest.raises(PairingRefused, match="old key still signs"):
        rotation.retire()


def test_nobody_can_bring_a_key_for_which_no_known_one_vouches(signer: Signer) -> None:
    foreign = Ed25519PrivateKey.generate()
    new = identity.text_of(foreign.public_key())
    statement = keys._statement(signer.server.id, signer.server.keys[0], new)
    forged = {
        "old": signer.server.keys[0],
        "new": new,
        "signature": base64.b64encode(foreign.sign(statement)).decode(),
    }
    good = forged | {"signature": base64.b64encode(signer.key.sign(statement)).decode()}
    for told in (
        {"keys": [new], "changes": [forged]},
        {"keys": [new], "changes": [good | {"signature": "é"}]},
        {"keys": [new], "changes": [good | {"old": new}]},
        {"keys": [new], "changes": "nonsense"},
        {"keys": [new, new], "changes": [good]},
        {"keys": [], "changes": [good]},
        {"keys": [7], "changes": [good]},
        {"changes": [good]},
    ):
        with pytest.raises(Refusal, match="no key that is known here vouches"):
            rotation.take(signer.server, told)
    assert rotation.take(signer.server, {"keys": [new], "changes": [good]}) == {"keys": [new]}
    signer.server.refresh_from_db()
    assert signer.server.keys == [new]


def test_a_slave_believes_its_master_alone(signer: Signer) -> None:
    known = signer.server.keys
    new = Ed25519PrivateKey.generate()
    statement = keys._statement(signer.server.id, known[0], identity.text_of(new.public_key()))
    change = {
        "old": known[0],
        "new": identity.text_of(new.public_key()),
        "signature": base64.b64encode(signer.key.sign(statement)).decode(),
    }
    Server.objects.filter(is_self=True).update(role=Server.Role.SLAVE)
    answer = rotation.take(signer.server, {"keys": [known[0], change["new"]], "changes": [change]})
    assert answer == {"keys": known}, "it says what it knows, so that the other one can wait for the Server List"


def test_the_page_leads_through_a_rotation(slave: Server, client: Client) -> None:
    client.force_login(make_user("root", servers.this(), User.Role.ADMINISTRATOR))
    url = reverse("cluster:keys")
    assert spoken(identity.public_key()) in client.get(url).content.decode()
    begun = client.post(url, {"step": "begin"}, follow=True).content.decode()
    assert "Knows the new key" in begun
    assert spoken(keys.valid()[1]) in begun
    assert (
        "This server signs with the new key now" in client.post(url, {"step": "switch"}, follow=True).content.decode()
    )
    done = client.post(url, {"step": "retire"}, follow=True).content.decode()
    assert "The old key is retired" in done
    assert "Begin rotation" in done
    refused = client.post(url, {"step": "retire"}, follow=True).content.decode()
    assert "There is no old key to retire" in refused
    assert Event.objects.filter(actor="Root").count() == 3
    client.force_login(make_user("dora", servers.this()))
    assert client.post(url, {"step": "replace"}).status_code == 403


def test_the_page_says_who_was_not_told(slave: Server, far: Far, client: Client) -> None:
    client.force_login(make_user("root", servers.this(), User.Role.ADMINISTRATOR))
    far.down.add("tokyo.example")
    page = client.post(reverse("cluster:keys"), {"step": "begin"}, follow=True).content.decode()
    assert "tokyo was not told, and is tried again by itself" in page
    assert "Sign with the new key all the same" in page
