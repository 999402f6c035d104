"""Only a proven, fresh call of a server of this cluster, made for this server, is let in (D7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

import posthouse
from posthouse.cluster import identity, signatures
from posthouse.cluster.errors import Kind, SignatureRefused
from posthouse.cluster.models import Nonce, Server
from tests.cluster.conftest import Signer

PATH = "/aspera/faspex/cluster/test"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_signed_call_tells_who_made_it(signer: Signer) -> None:
    caller = signatures.verify("POST", PATH, "a=1", signer.sign("POST", PATH, "a=1", body=b"hello"))

    assert caller.server == signer.server
    assert caller.version == posthouse.__version__
    assert signatures.digest_field(caller.algorithm, caller.digest) == signatures.content_digest(b"hello")
    assert caller.fence is None


def test_this_server_signs_with_its_own_key(here: Server, tokyo: Server) -> None:
    headers = signatures.sign("GET", PATH, "", to=tokyo.id, content_digest=signatures.content_digest(b""))

    assert headers["Posthouse-From"] == str(here.id)
    assert f'keyid="{signatures.key_name(here.id, identity.public_key())}"' in headers["Signature-Input"]


def test_the_fencing_number_is_part_of_the_signature(signer: Signer, here: Server) -> None:
    headers = signatures.sign_as(
        signer.server.id,
        signer.key,
        ("PUT", PATH, ""),
        to=here.id,
        content_digest=signatures.digest_field("blake3", b"\x01" * 32),
        fence=7,
    )

    with pytest.raises(SignatureRefused):
        signatures.verify("PUT", PATH, "", headers | {"Posthouse-Fence": "8"})
    caller = signatures.verify("PUT", PATH, "", headers)
    assert (caller.fence, caller.algorithm, caller.digest) == (7, "blake3", b"\x01" * 32)


def test_a_fencing_number_that_was_not_signed_is_refused(signer: Signer) -> None:
    with pytest.raises(SignatureRefused, match="not valid for this call"):
        signatures.verify("GET", PATH, "", signer.sign("GET", PATH) | {"Posthouse-Fence": "9"})


def test_numbers_and_versions_that_cannot_be_written_down_are_refused(
    signer: Signer, here: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign(fence: int | None = None) -> dict[str, str]:
        digest = signatures.content_digest(b"")
        return signatures.sign_as(
            signer.server.id, signer.key, ("PUT", PATH, ""), to=here.id, content_digest=digest, fence=fence
        )

    with pytest.raises(SignatureRefused, match="fencing number"):
        signatures.verify("PUT", PATH, "", sign(10**18))
    monkeypatch.setattr(posthouse, "__version__", "1" * 41)
    with pytest.raises(SignatureRefused, match="no version"):
        signatures.verify("PUT", PATH, "", sign())


Change = Callable[[dict[str, str]], dict[str, str]]


def _without(name: str) -> Change:
    return lambda headers: {key: value for key, value in headers.items() if key != name}


def _with(name: str, value: str) -> Change:
    return lambda headers: headers | {name: value}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(_without("Signature"), "not signed", id="no signature"),
        pytest.param(_without("Signature-Input"), "not signed", id="no description of the signature"),
        pytest.param(_without("Posthouse-From"), "not signed", id="no sender"),
        pytest.param(_with("Signature", "posthouse=:AAAA:"), "not valid", id="bad signature"),
        pytest.param(_with("Signature", "?!"), "not valid", id="nonsense for a signature"),
        pytest.param(_with("Signature", 'posthouse="x"'), "not valid", id="a word for a signature"),
        pytest.param(_with("Content-Digest", signatures.content_digest(b"x")), "not valid", id="changed body"),
        pytest.param(_with("Posthouse-Version", "9.9"), "not valid", id="changed version"),
        pytest.param(_with("Posthouse-To", str(uuid4())), "signed for another server", id="for another server"),
        pytest.param(_with("Posthouse-To", ""), "signed for another server", id="for nobody"),
        pytest.param(_with("Posthouse-From", str(uuid4())), "does not know the server", id="unknown server"),
        pytest.param(_with("Posthouse-From", "tokyo"), "does not know the server", id="sender is no id"),
        pytest.param(_with("Signature-Input", "é"), "key that is not the one known", id="not ASCII"),
    ],
)
def test_a_call_that_proves_nothing_is_refused(signer: Signer, change: Change, reason: str) -> None:
    with pytest.raises(SignatureRefused, match=reason) as refused:
        signatures.verify("POST", PATH, "", change(signer.sign("POST", PATH)))
    assert refused.value.status == 401
    assert refused.value.kind is Kind.ADMINISTRATOR
    assert not Nonce.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [("GET", PATH, "a=1"), ("POST", PATH + "/more", "a=1"), ("POST", PATH, "a=2"), ("POST", PATH, "")],
)
def test_a_call_that_was_changed_on_the_way_is_refused(signer: Signer, method: str, path: str, query: str) -> None:
    headers = signer.sign("POST", PATH, "a=1")
    with pytest.raises(SignatureRefused, match="not valid for this call"):
        signatures.verify(method, path, query, headers)


@pytest.mark.parametrize(
    ("path", "query"), [(f"{PATH}?a=1", ""), (f"{PATH}#x", "a=1"), (PATH, "a=1#x"), (f"{PATH}?a=1#x", "")]
)
def test_an_encoded_part_of_a_path_does_not_pass_for_a_query_or_for_nothing(
    signer: Signer, path: str, query: str
) -> None:
    """A server hands on `%3F` and `%23` of a path decoded."""
    headers = signer.sign("POST", PATH, "a=1")
    with pytest.raises(SignatureRefused, match="not valid for this call"):
        signatures.verify("POST", path, query, headers)


def test_a_signature_that_leaves_something_out_is_refused(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(signatures, "COMPONENTS", tuple(c for c in signatures.COMPONENTS if c != "@path"))
        headers = signer.sign("POST", PATH)
    with pytest.raises(SignatureRefused, match="not valid for this call"):
        signatures.verify("POST", PATH + "/other", "", headers)


def test_a_signature_without_a_nonce_is_refused(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(signatures.secrets, "token_urlsafe", lambda _: "")
        headers = signer.sign("POST", PATH)
    with pytest.raises(SignatureRefused, match="no nonce"):
        signatures.verify("POST", PATH, "", headers)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        pytest.param(-299, None, id="as old as it may be"),
        pytest.param(299, None, id="as far ahead as it may be"),
        pytest.param(-301, "301 seconds behind the clock of paris", id="too old"),
        pytest.param(301, "301 seconds ahead of the clock of paris", id="from the future"),
        pytest.param(-86400 * 400, "34560000 seconds behind", id="from last year"),
    ],
)
def test_the_time_window_is_300_seconds_on_either_side(signer: Signer, offset: int, reason: str | None) -> None:
    with time_machine.travel(NOW + timedelta(seconds=offset), tick=False):
        headers = signer.sign("GET", PATH)
    with time_machine.travel(NOW, tick=False):
        if reason is None:
            assert signatures.verify("GET", PATH, "", headers).server == signer.server
            return
        with pytest.raises(SignatureRefused, match=reason) as refused:
            signatures.verify("GET", PATH, "", headers)
    assert refused.value.code == "clock"


def test_a_call_is_let_in_once(signer: Signer) -> None:
    headers = signer.sign("GET", PATH)
    signatures.verify("GET", PATH, "", headers)
    with pytest.raises(SignatureRefused, match="a second time"):
        signatures.verify("GET", PATH, "", headers)


def test_a_call_dated_ahead_cannot_be_repeated_after_old_calls_were_forgotten(signer: Signer) -> None:
    with time_machine.travel(NOW + timedelta(seconds=300), tick=False):
        headers = signer.sign("GET", PATH)
    with time_machine.travel(NOW, tick=False):
        signatures.verify("GET", PATH, "", headers)
    with time_machine.travel(NOW + timedelta(seconds=600), tick=False):
        signatures.purge_nonces()
        with pytest.raises(SignatureRefused, match="a second time"):
            signatures.verify("GET", PATH, "", headers)


def test_old_calls_are_forgotten(db: None) -> None:
    Nonce.objects.create(digest="old", seen_at=timezone.now() - timedelta(minutes=20))
    Nonce.objects.create(digest="new", seen_at=timezone.now())

    assert signatures.purge_nonces() == 1
    assert list(Nonce.objects.values_list("digest", flat=True)) == ["new"]


def test_a_removed_server_is_refused(signer: Signer) -> None:
    signer.server.removed_at = timezone.now()
    signer.server.save()
    with pytest.raises(SignatureRefused, match="tokyo was removed from this cluster") as refused:
        signatures.verify("GET", PATH, "", signer.sign("GET", PATH))
    assert refused.value.code == "removed"


def test_nobody_passes_for_this_server(here: Server) -> None:
    headers = signatures.sign("GET", PATH, "", to=here.id, content_digest=signatures.content_digest(b""))
    with pytest.raises(SignatureRefused, match="does not know"):
        signatures.verify("GET", PATH, "", headers)


def test_another_servers_key_does_not_sign_for_tokyo(signer: Signer) -> None:
    stranger = Signer(signer.server, Ed25519PrivateKey.generate())
    with pytest.raises(SignatureRefused, match="a key that is not the one known here"):
        signatures.verify("GET", PATH, "", stranger.sign("GET", PATH))


def test_two_keys_hold_while_a_key_is_rotated(signer: Signer) -> None:
    newer = Signer(signer.server, Ed25519PrivateKey.generate())
    signer.server.keys = [identity.text_of(newer.key.public_key()), *signer.server.keys]
    signer.server.save()

    for each in (signer, newer):
        assert signatures.verify("GET", PATH, "", each.sign("GET", PATH)).server == signer.server


@pytest.mark.parametrize("field", ["", "sha-256", "sha-256=1", "sha-256=:AAAA:, md5=:AAAA:", "é", "a=(1 2)"])
def test_a_digest_that_cannot_be_read_is_refused(field: str) -> None:
    with pytest.raises(SignatureRefused, match="no Content-Digest"):
        signatures.parse_digest(field)
