"""A whole server as real processes: starts, stops, survives the death of its parts, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from urllib3.exceptions import HTTPError

from tests.acceptance.servers import PASSWORD, RealServer, alive, running
from tests.waiting import until

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A server that runs, with an administrator."""
    server = RealServer("paris", tmp_path_factory.mktemp("paris"))
    with running(server):
        server.create_admin("admin", PASSWORD)
        yield server


def _answers(server: RealServer) -> bool:
    with server.client() as client:
        try:
            return client.get("login/").status == 200
        except (HTTPError, OSError):
            return False


def _port_is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _protocol(server: RealServer, offered: list[str]) -> str | None:
    context = ssl.create_default_context(cafile=str(server.certificate))
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # strict from Python 3.13 on: wants a CA
    context.set_alpn_protocols(offered)
    with (
        socket.create_connection(("127.0.0.1", server.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        return line.selected_alpn_protocol()


def test_it_has_one_web_process_with_its_workers_and_one_that_works(server: RealServer) -> None:
    assert len(server.pids("web")) == 1
    assert len(server.pids("http")) == 2
    assert len(server.pids("work")) == 1


def test_the_certificate_is_for_the_host_and_browsers_get_http_2(server: RealServer) -> None:
    assert _protocol(server, ["h2", "http/1.1"]) == "h2"
    assert _protocol(server, ["http/1.1"]) == "http/1.1"


def test_pages_come_with_the_security_headers(server: RealServer) -> None:
    with server.client() as client:
        headers = client.get("login/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("process", ["web", "http", "work"])
def test_a_killed_process_is_started_again_and_the_others_go_on(server: RealServer, process: str) -> None:
    others = {"web": "work", "http": "work", "work": "web"}[process]
    before, kept = server.pids(process), server.pids(others)
    server.kill(process)
    until(lambda: len(server.pids(process)) == len(before) and not set(server.pids(process)) & set(before))
    until(lambda: _answers(server))
    assert server.pids(others) == kept


def test_kill_9_of_the_supervisor_frees_the_port_at_once(server: RealServer) -> None:
    children = server.pids("web") + server.pids("http") + server.pids("work")
    server.kill("supervisor")
    until(lambda: _port_is_free(server.port), 2.0)
    until(lambda: not any(alive(pid) for pid in children), 2.0)
    server.start()
    assert _answers(server)


def test_it_stops_cleanly_while_clients_hold_connections(server: RealServer) -> None:
    with server.client() as client:
        assert client.get("login/").status == 200  # and the connection stays open
        children = server.pids("web") + server.pids("http") + server.pids("work")
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 10
    assert not any(alive(pid) for pid in children)
    assert "Traceback" not in server.said()
    server.start()


def test_a_request_in_progress_is_answered_before_the_server_stops(server: RealServer) -> None:
    with server.client() as client:
        client.get("login/")
        form = client.get("login/").page.form("username")

        def slowly() -> Iterator[bytes]:
            yield b"username=admin&password="
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGTERM)
            time.sleep(1.0)
            yield b"x" * 8

        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": "32",
            "X-CSRFToken": form.values["csrfmiddlewaretoken"],
        }
        answer = client.request("POST", "login/", body=slowly(), headers=headers)
    assert answer.status == 200
    assert "wrong" in answer.page.text
    assert server.process is not None
    assert server.process.wait(20) == 0
    server.start()


def test_the_log_holds_no_password(server: RealServer) -> None:
    with server.client() as client:
        client.log_in("admin", PASSWORD)
    assert PASSWORD not in server.log.read_text()


def test_everything_in_the_data_folder_is_for_the_owner_alone(server: RealServer) -> None:
    assert server.folder.joinpath("data").stat().st_mode & 0o077 == 0
