"""The commands as an administrator types them, in processes of their own."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from posthouse import __version__
from posthouse.cli.local import LocalServer
from tests.acceptance.servers import PASSWORD


@pytest.fixture
def server(tmp_path: Path) -> LocalServer:
    """A server that was not made yet."""
    server = LocalServer("paris", tmp_path / "paris")
    server.folder.mkdir()
    return server


def _files(server: LocalServer) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in [server.folder / "posthouse.toml", *(server.folder / "data").iterdir()]
        if path.is_file() and "sqlite3" not in path.name
    }


def test_init_makes_a_server_whose_secrets_only_its_owner_can_read(server: LocalServer) -> None:
    server.init()
    data = server.folder / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("secret.key", "identity.key", "tls.key"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    assert server.run("check").stdout == "Nothing is wrong.\n"


def test_the_database_is_for_its_owner_only_even_in_a_folder_that_others_may_open(server: LocalServer) -> None:
    data = server.folder / "data"
    data.mkdir()
    data.chmod(0o755)
    server.init()
    databases = list(data.glob("posthouse.sqlite3*"))
    assert databases
    assert {stat.S_IMODE(path.stat().st_mode) for path in databases} == {0o600}
    assert "chmod 700" in server.run("check").stdout


def test_a_second_init_overwrites_nothing_and_completes_what_is_missing(server: LocalServer) -> None:
    server.init()
    before = _files(server)
    (server.folder / "data" / "identity.key").unlink()
    said = server.run("init").stdout
    assert "Made the identity key" in said
    assert "TLS" not in said
    after = _files(server)
    assert after.pop("identity.key") != before.pop("identity.key")
    assert after == before


def test_init_refuses_answers_that_it_would_have_to_ignore(server: LocalServer) -> None:
    server.init()
    done = server.run("init", "--name", "tokyo", check=False)
    assert done.returncode == 2
    assert "is not overwritten" in done.stderr


def test_serve_without_init_says_what_to_do(server: LocalServer) -> None:
    done = server.run("serve", check=False)
    assert done.returncode == 2
    assert "posthouse init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_key_is_a_sentence(server: LocalServer) -> None:
    server.init()
    (server.folder / "data" / "identity.key").write_text("nonsense")
    for command in ("serve", "check"):
        done = server.run(command, check=False)
        assert done.returncode in {1, 2}
        assert "identity.key is damaged" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_a_port_in_use_is_a_sentence(server: LocalServer) -> None:
    server.init()
    with socket.socket() as taken:
        # As granian's workers do: a second server would share the port without a word.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        done = server.run("serve", check=False)
    assert done.returncode == 1
    assert f"Port {server.port} on 127.0.0.1 is in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('nam = "paris"', "nam: there is no such setting"),
        ("port = 0", "port: "),
        ("port =", "is not valid TOML"),
    ],
)
def test_a_wrong_settings_file_is_a_sentence(server: LocalServer, settings: str, sentence: str) -> None:
    (server.folder / "posthouse.toml").write_text(settings)
    done = server.run("check", check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_does_not_answer_is_a_sentence(server: LocalServer) -> None:
    server.init()
    server.settings["database_url"] = "postgresql://nobody@127.0.0.1:9/none"
    done = server.run("serve", check=False)
    assert done.returncode == 1
    assert "The database cannot be used" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_createadmin_refuses_what_the_pages_refuse(server: LocalServer) -> None:
    server.init()
    who = ("--login", "admin", "--name", "Admin", "--email", "admin@example.com", "--password-stdin")
    weak = server.run("createadmin", *who, stdin="short", check=False)
    assert weak.returncode == 1
    assert "password" in weak.stderr
    assert server.run("createadmin", *who, stdin=PASSWORD).stdout == "admin is an administrator now.\n"
    twice = server.run("createadmin", *who, stdin=PASSWORD, check=False)
    assert twice.returncode == 1
    assert "Another account has this user name" in twice.stderr


def test_version_is_the_package_version(server: LocalServer) -> None:
    assert server.run("version").stdout == f"Posthouse {__version__}\n"
