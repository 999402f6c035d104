"""Calls over a real TLS connection to a small server, and what each failure is called."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from posthouse.cluster import calls, certificate, signatures, unreachable
from posthouse.cluster.errors import (
    Broken,
    CallError,
    Failed,
    Kind,
    NameUnknown,
    NoConnection,
    NotPosthouse,
    NotTrusted,
    Refused,
    Unreachable,
    VersionDiffers,
    WrongCertificate,
    WrongClock,
)
from posthouse.cluster.models import Server
from posthouse.cluster.transport import Place, Reply
from tests.acceptance.proxy import Line


class Handler(BaseHTTPRequestHandler):
    """Answers by path, and keeps what came."""

    protocol_version = "HTTP/1.1"
    came: list[tuple[str, dict[str, str], bytes]] = []
    connections: set[tuple[str, int]] = set()
    drop_next = False
    waiting = threading.Event()
    go_on = threading.Event()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.came.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.connections.add(self.client_address)
        if Handler.drop_next:
            Handler.drop_next = False
            self.close_connection = True
            self.connection.close()
            return
        if self.path == "/wait":
            self.waiting.set()
            self.go_on.wait(10)
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        status, content = ANSWERS.get(name, (200, b'{"yes": true}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def told(**content: str) -> bytes:
    return json.dumps({"error": "Because.", **content}).encode()


ANSWERS = {
    "html": (404, b"<html>"),
    "broken": (500, b"<html>"),
    "long": (200, b"x" * 2000),
    "refused": (409, told()),
    "busy": (423, told()),
    "full": (507, told(kind="administrator", code="full")),
    "version": (409, told(code="version")),
    "clock": (401, told(code="clock")),
    "unknown": (401, told(code="unknown")),
    "text": (200, b"yes"),
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-made certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokyo")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def port(pem: Path) -> Iterator[int]:
    """The port of a server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Handler.came.clear()
    Handler.connections.clear()
    Handler.waiting.clear()
    Handler.go_on.clear()
    network = calls.Network()
    with calls.through(network):
        yield server.server_address[1]
    network.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def far_side(here: Server, tokyo: Server, port: int, pem: Path) -> Server:
    """Tokyo, at that port, with its certificate pinned."""
    tokyo.host, tokyo.port = "127.0.0.1", port
    tokyo.tls_pin = certificate.fetch("127.0.0.1", port).pin
    tokyo.save()
    return tokyo


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_a_call_carries_json_and_a_signature(far_side: Server) -> None:
    answer = calls.call(far_side, "POST", "cluster/test", query={"a": "b c"}, json={"é": 1})

    assert answer.json() == {"yes": True}
    path, headers, body = Handler.came[-1]
    assert path == "/aspera/faspex/cluster/test?a=b+c"
    assert json.loads(body) == {"é": 1}
    assert headers["content-digest"] == signatures.content_digest(body)
    assert headers["posthouse-to"] == str(far_side.id)
    assert headers["content-type"] == "application/json"


def test_a_body_in_pieces_goes_out_with_its_length_and_its_own_digest(far_side: Server) -> None:
    pieces = [b"a" * 100_000, b"b" * 50_000]
    digest = signatures.digest_field("blake3", b"\x01" * 32)
    calls.call(far_side, "POST", "relay/x", body=iter(pieces), length=150_000, content_digest=digest, fence=3)

    _, headers, body = Handler.came[-1]
    assert body == b"".join(pieces)
    assert headers["content-length"] == "150000"
    assert "transfer-encoding" not in headers
    assert (headers["content-digest"], headers["posthouse-fence"]) == (digest, "3")


def test_a_body_in_pieces_needs_its_length_and_digest(far_side: Server) -> None:
    with pytest.raises(TypeError, match="needs its length"):
        calls.call(far_side, "POST", "x", body=iter([b""]))


def test_an_error_of_the_body_comes_out_as_it_was(far_side: Server) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise OSError("the disk broke")

    with pytest.raises(OSError, match="the disk broke"):
        calls.call(far_side, "POST", "x", body=broken(), length=2, content_digest=signatures.content_digest(b"ab"))


def test_connections_are_kept_alive(far_side: Server) -> None:
    for _ in range(5):
        calls.call(far_side, "POST", "x", json={})
    assert len(Handler.connections) == 1


def test_a_call_is_made_once_more_when_a_kept_connection_breaks(far_side: Server) -> None:
    calls.call(far_side, "POST", "x", json={})
    Handler.drop_next = True
    assert calls.call(far_side, "POST", "x", json={}).json() == {"yes": True}
    nonces = {headers["signature-input"] for _, headers, _ in Handler.came}
    assert len(nonces) == len(Handler.came) == 3, "and each time it was signed anew"


def test_nobody_knows_whether_a_call_was_carried_out_when_the_second_one_finds_nobody(far_side: Server) -> None:
    class Dying(calls.Network):
        def send(self, place: Place, *_: object) -> Reply:
            if not failures:
                raise NoConnection("Nothing answers.")
            raise failures.pop()

    failures = [Broken("The connection broke.")]
    with calls.through(Dying()), pytest.raises(Broken):
        calls.call(far_side, "POST", "x", json={})
    assert failures == []
    with calls.through(Dying()), pytest.raises(NoConnection):
        calls.call(far_side, "POST", "x", json={})


def test_a_body_in_pieces_is_not_sent_twice(far_side: Server) -> None:
    Handler.drop_next = True
    with pytest.raises(Unreachable, match="broke"):
        calls.call(far_side, "POST", "x", body=iter([b"a"]), length=1, content_digest="x=:AA==:")


@pytest.mark.parametrize(
    ("path", "error", "kind"),
    [
        ("html", NotPosthouse, Kind.ADMINISTRATOR),
        ("broken", Failed, Kind.TEMPORARY),
        ("refused", Refused, Kind.PERMANENT),
        ("busy", Refused, Kind.TEMPORARY),
        ("full", Refused, Kind.ADMINISTRATOR),
        ("version", VersionDiffers, Kind.ADMINISTRATOR),
        ("clock", WrongClock, Kind.ADMINISTRATOR),
        ("unknown", NotTrusted, Kind.ADMINISTRATOR),
    ],
)
def test_each_refusal_has_its_name_and_kind(far_side: Server, path: str, error: type[Exception], kind: Kind) -> None:
    with pytest.raises(error) as caught:
        calls.call(far_side, "POST", path)
    assert caught.type is error
    assert caught.value.kind is kind  # type: ignore[attr-defined]


def test_an_answer_that_is_too_long_is_refused(far_side: Server) -> None:
    with pytest.raises(Failed, match="longer than the 1000 bytes"):
        calls.call(far_side, "POST", "long", limit=1000)
    assert len(calls.call(far_side, "POST", "long", limit=2000).body) == 2000


def test_an_answer_that_is_no_object_is_not_posthouse(far_side: Server) -> None:
    with pytest.raises(NotPosthouse):
        calls.call(far_side, "POST", "text").json()


def test_another_certificate_than_the_pinned_one_is_refused_before_anything_is_sent(far_side: Server) -> None:
    far_side.tls_pin = "0" * 64
    with pytest.raises(WrongCertificate, match="not the one that was pinned"):
        calls.call(far_side, "POST", "x")
    assert not Handler.came


def test_a_self_made_certificate_that_was_not_pinned_is_refused(far_side: Server) -> None:
    far_side.tls_pin = ""
    with pytest.raises(WrongCertificate, match="is not accepted: self-signed certificate"):
        calls.call(far_side, "POST", "x")
    assert not Handler.came


def test_the_alternate_address_is_tried_when_the_first_cannot_be_reached(far_side: Server) -> None:
    far_side.alternate_address = f"127.0.0.1:{far_side.port}"
    far_side.port = free_port()
    assert calls.call(far_side, "POST", "x", body=iter([b"a"]), length=1, content_digest="x=:AA==:").status == 200
    assert calls.places(far_side)[0].port != far_side.port, "and comes first for a while"


def test_when_both_addresses_fail_both_are_named(far_side: Server) -> None:
    far_side.alternate_address = "no-such-host.invalid"
    far_side.port = free_port()
    with pytest.raises(NoConnection) as failed:
        calls.call(far_side, "POST", "x")
    assert f"no server runs at its port {far_side.port}" in failed.value.message
    assert "The other address does not lead there either: The name no-such-host.invalid" in failed.value.message
    far_side.host = "nor-this-one.invalid"
    with pytest.raises(NameUnknown):
        calls.call(far_side, "POST", "x")


def test_nobody_listening_and_unknown_names_are_told_apart(far_side: Server) -> None:
    far_side.port = free_port()
    with pytest.raises(NoConnection, match="no server runs at its port"):
        calls.call(far_side, "POST", "x")
    far_side.host = "no-such-host.invalid"
    with pytest.raises(NameUnknown, match=r"no-such-host\.invalid is not known"):
        calls.call(far_side, "POST", "x")
    with pytest.raises(NameUnknown):
        certificate.fetch("no-such-host.invalid", 443)


def test_a_port_that_does_not_speak_https_is_told(far_side: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        thread = threading.Thread(target=_talk, args=[plain])
        thread.start()
        far_side.port = plain.getsockname()[1]
        with pytest.raises(NoConnection, match="does not speak HTTPS"):
            calls.call(far_side, "POST", "x")
        thread.join()


def test_a_proxy_whose_server_is_down_is_told_from_a_port_that_does_not_speak_https(far_side: Server) -> None:
    with Line(0, free_port()) as line:
        far_side.port = line.port
        with pytest.raises(CallError, match=r"hung up at once|broke\.$"):
            calls.call(far_side, "POST", "x")


def test_bytes_that_are_damaged_under_way_are_told_as_that(far_side: Server) -> None:
    with Line(0, far_side.port) as line:
        far_side.port = line.port
        assert calls.call(far_side, "POST", "x").status == 200, "the connection stands"
        line.damage(1)
        body = iter([b"x" * 100_000])  # in pieces: such a call is not made again by itself
        with pytest.raises(Broken, match=r"damaged on the way|broke"):
            calls.call(far_side, "POST", "x", body=body, length=100_000, content_digest="x=:AA==:")
        assert line.damaged == 1


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        # The certificate of the far side was damaged, or the far side says that what it got was.
        ("SSLV3_ALERT_BAD_RECORD_MAC", Broken, "damaged on the way"),
        ("TLSV1_ALERT_DECRYPT_ERROR", Broken, "damaged on the way"),
        ("DIGEST_CHECK_FAILED", Broken, "damaged on the way"),
        # It speaks, but not with us.
        ("TLSV1_ALERT_PROTOCOL_VERSION", NoConnection, "agrees on no encryption"),
        # A mail server, or HTTP without TLS.
        ("WRONG_VERSION_NUMBER", NoConnection, "does not speak HTTPS"),
        (None, NoConnection, "does not speak HTTPS"),
    ],
)
def test_a_handshake_that_fails_is_told_by_its_reason(reason: str | None, kind: type[Exception], words: str) -> None:
    error = ssl.SSLError(1, "no handshake")
    error.reason = reason  # type: ignore[assignment]
    told = unreachable.explain(error, "tokyo", 443)
    assert isinstance(told, kind)
    assert words in told.message


def test_a_handshake_that_ends_in_its_middle_is_no_matter_of_the_language() -> None:
    told = unreachable.explain(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "tokyo", 443)
    assert isinstance(told, NoConnection)
    assert "hung up" in told.message


def test_the_certificate_that_is_fetched_is_the_one_that_is_shown(port: int, pem: Path) -> None:
    shown = certificate.fetch("127.0.0.1", port)
    made = x509.load_pem_x509_certificate(pem.read_bytes())
    assert shown.pin == hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()
    assert shown.problem == "self-signed certificate"


def _talk(plain: socket.socket) -> None:
    connection, _ = plain.accept()
    with connection:
        connection.recv(100)
        connection.sendall(b"220 mail\r\n")
