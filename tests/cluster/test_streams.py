"""Requests one behind another on one connection, over real TLS, and what happens when it breaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from posthouse.cluster import certificate, sockets
from posthouse.cluster.streams import NoAnswer, Stream, StreamBroken, TooLong
from posthouse.cluster.transport import Place
from tests.cluster.test_calls import Handler, pem, port  # noqa: F401 - fixtures


@pytest.fixture
def stream(port: int) -> Iterator[Stream]:  # noqa: F811
    place = Place("127.0.0.1", port, certificate.fetch("127.0.0.1", port).pin)
    Handler.connections.clear()
    opened = Stream(sockets.connect(place, sockets.context_for(place.pin)), f"127.0.0.1:{port}")
    yield opened
    opened.close()


def post(stream: Stream, body: bytes, path: str = "/x", **more: object) -> tuple[int, object, bytes]:
    headers = {"Content-Length": str(len(body))}
    given = {"timeout": 5.0, "limit": 1000} | more
    return stream.exchange("POST", path, headers, body, **given)  # type: ignore[arg-type]


def test_requests_of_several_threads_share_one_connection_and_each_gets_its_own_answer(stream: Stream) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: post(stream, b"%d" % number * 50_000), range(40)))
    assert {status for status, _, _ in answers} == {200}
    assert sorted(body for _, _, body in Handler.came) == sorted(b"%d" % number * 50_000 for number in range(40))
    assert len(Handler.connections) == 1
    assert stream.load == 0


def test_a_request_is_written_before_the_answer_to_the_one_before_it_has_come(stream: Stream) -> None:
    second_written = threading.Event()

    def body() -> Iterator[bytes]:
        second_written.set()
        yield b"abc"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, stream, b"", "/wait")
        assert Handler.waiting.wait(10)
        second = pool.submit(
            stream.exchange, "POST", "/x", {"Content-Length": "3"}, body(), timeout=5.0, limit=1000, gate=None
        )
        assert second_written.wait(10)
        assert not first.done()
        Handler.go_on.set()
        assert first.result()[0] == second.result()[0] == 200


def test_when_the_connection_breaks_all_who_wait_learn_it(stream: Stream) -> None:
    Handler.drop_next = True
    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(post, stream, b"x") for _ in range(4)]
    assert all(isinstance(result.exception(), StreamBroken) for result in results)
    assert not stream.usable
    with pytest.raises(StreamBroken):
        post(stream, b"x")


def test_an_error_of_the_body_comes_out_unchanged_and_ends_the_connection(stream: Stream) -> None:
    def body() -> Iterator[bytes]:
        yield b"ab"
        raise LookupError("the disk broke")

    with pytest.raises(LookupError, match="the disk broke"):
        stream.exchange("POST", "/x", {"Content-Length": "9"}, body(), timeout=5.0, limit=1000)
    assert not stream.usable


def test_an_answer_that_is_too_long_or_does_not_come_ends_the_connection(stream: Stream) -> None:
    with pytest.raises(TooLong):
        post(stream, b"", limit=1)
    assert not stream.usable


def test_no_answer_is_told_from_a_dead_line(stream: Stream) -> None:
    with pytest.raises(NoAnswer):
        post(stream, b"", "/wait", timeout=0.0)
    Handler.go_on.set()


def test_the_gate_is_asked_for_each_piece(stream: Stream) -> None:
    class Gate(list[int]):
        step = 65536
        __call__ = list.append

    asked = Gate()
    post(stream, b"x" * 200_000, gate=asked)
    assert asked == [65536, 65536, 65536, 200_000 - 3 * 65536]


def test_a_far_side_that_hung_up_while_nothing_was_asked_is_noticed(stream: Stream) -> None:
    assert not stream.gone()
    socket.socket.shutdown(stream._socket, socket.SHUT_RD)
    assert stream.gone()


def test_the_kernel_tells_what_was_acknowledged(stream: Stream) -> None:
    before = stream.facts()
    post(stream, b"x" * 100_000)
    after = stream.facts()
    assert after.acknowledged - before.acknowledged >= 100_000
    assert 0 < after.trip < 5
    stream.close()
    assert stream.facts() == after


def test_a_wrong_certificate_is_refused(port: int) -> None:  # noqa: F811
    with pytest.raises(sockets.WrongPin):
        sockets.connect(Place("127.0.0.1", port, "ab" * 32), sockets.context_for("ab"))


@pytest.fixture
def proxy(port: int) -> Iterator[tuple[int, list[bytes]]]:  # noqa: F811
    """An HTTP proxy that leads to the server, whatever is asked of it, and what it was asked."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            asked.append(head)
            if b"nowhere" in head:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", port))
            opened.extend((client, server))
            client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
            for one, other in ((client, server), (server, client)):
                threads.append(threading.Thread(target=copy, args=(one, other)))
                threads[-1].start()

    def copy(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    opened: list[socket.socket] = []
    threads = [threading.Thread(target=serve)]
    threads[0].start()
    yield listener.getsockname()[1], asked
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(5)
    for one in opened:
        one.close()


def test_a_connection_goes_through_a_proxy(proxy: tuple[int, list[bytes]], port: int) -> None:  # noqa: F811
    number, asked = proxy
    pin = certificate.fetch("127.0.0.1", port).pin
    place = Place("far.example.com", 8443, pin)
    opened = Stream(
        sockets.connect(place, sockets.context_for(pin), f"http://me:p%40ss@127.0.0.1:{number}"), "far.example.com"
    )
    assert post(opened, b"x" * 100_000)[0] == 200
    opened.close()
    head = asked[0].decode()
    assert head.startswith("CONNECT far.example.com:8443 HTTP/1.1\r\nHost: far.example.com:8443\r\n")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in head


def test_a_proxy_that_does_not_let_us_through_is_named(proxy: tuple[int, list[bytes]]) -> None:
    number, _ = proxy
    with pytest.raises(sockets.ProxyRefused, match="403 Forbidden"):
        sockets.connect(Place("nowhere.example.com", 443), sockets.context_for(""), f"http://127.0.0.1:{number}")
