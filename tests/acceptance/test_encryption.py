"""Encrypted packages from the command line: over a relay, past a death in the middle, and nothing that can be read."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from posthouse.cli import fetching, sources
from posthouse.cli.browser import ClientError
from posthouse.cli.fetching import Fetch
from posthouse.lib import envelopes, sealing
from posthouse.lib.envelopes import RECORD
from posthouse.lib.sealing import Damaged
from tests.acceptance.conftest import Cluster
from tests.acceptance.servers import PASSWORD, RealServer
from tests.waiting import until

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

PASSPHRASE = "seven quiet lighthouses"
MARK = b"NOBODY ON THE WAY SHALL READ THIS LINE\n"


@pytest.fixture
def secrets(tmp_path: Path) -> list[str]:
    """Options that name the files with the password and the passphrase."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    return ["--password-file", str(tmp_path / "password"), "--passphrase-file", str(tmp_path / "passphrase")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Things to send: large, small, empty, of two records, and with a name of letters that can be written two ways."""
    made = tmp_path / "rushes"
    (made / "e\u0301te\u0301").mkdir(parents=True)
    (made / "e\u0301te\u0301" / "film.mov").write_bytes(MARK * 600_000)
    (made / "two.bin").write_bytes((MARK * 60_000)[: 2 * RECORD])
    (made / "empty.txt").touch()
    (made / "small.txt").write_bytes(MARK)
    return made


def at(server: RealServer, user: str) -> list[str]:
    return ["--server", server.address, "--certificate", str(server.certificate), "--user", user]


def send(server: RealServer, folder: Path, secrets: list[str], to: str) -> str:
    said = server.run("send", *at(server, "alice"), *secrets, "--to", to, "--title", "Rushes", "--encrypt", str(folder))
    return said.stdout.split()[1].rstrip(":")


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        unicodedata.normalize("NFC", path.relative_to(folder).as_posix()): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def arrived(server: RealServer, user: str, package: str) -> None:
    with server.client() as person:
        person.log_in(user, PASSWORD)
        until(lambda: person.has(package), 60)


def readable(server: RealServer) -> list[Path]:
    return [path for path in server.folder.rglob("*") if path.is_file() and MARK.strip() in path.read_bytes()]


def test_a_package_goes_over_a_relay_and_no_server_can_read_it(
    cluster: Cluster, folder: Path, secrets: list[str], tmp_path: Path
) -> None:
    paris, tokyo = cluster
    package = send(paris, folder, secrets, "bob")
    arrived(tokyo, "bob", package)
    target = tmp_path / "here"
    tokyo.run("fetch", *at(tokyo, "bob"), *secrets, "--into", str(target), package)
    assert files_in(target / "rushes") == files_in(folder)
    assert not list(target.rglob(".*.part"))
    assert readable(paris) == readable(tokyo) == []
    again = tokyo.run("fetch", *at(tokyo, "bob"), *secrets, "--into", str(target), package)
    assert "0 files to fetch" in again.stdout

    (tmp_path / "passphrase").write_text("seven quiet lighthouse\n")
    done = tokyo.run("fetch", *at(tokyo, "bob"), *secrets, "--into", str(tmp_path / "no"), package, check=False)
    assert (done.returncode, "This is not the passphrase" in done.stderr) == (1, True)
    assert not (tmp_path / "no").exists()


def test_only_what_was_asked_for_is_fetched(cluster: Cluster, folder: Path, secrets: list[str], tmp_path: Path) -> None:
    paris, _ = cluster
    package = send(paris, folder, secrets, "alice")
    target = tmp_path / "here"
    page = f"{paris.address}packages/{package}"
    paris.run("fetch", *at(paris, "alice"), *secrets, "--into", str(target), page, "rushes/\xe9t\xe9")
    assert set(files_in(target)) == {"rushes/\xe9t\xe9/film.mov"}
    done = paris.run("fetch", *at(paris, "alice"), *secrets, "--into", str(target), package, "no.txt", check=False)
    assert "has no no.txt" in done.stderr


def test_an_upload_goes_on_after_the_death_of_the_server_and_so_does_a_download(
    cluster: Cluster, secrets: list[str], tmp_path: Path
) -> None:
    paris, _ = cluster
    film = tmp_path / "film.mov"
    film.write_bytes(MARK * (200_000_000 // len(MARK)))
    envelope, key = sealing.seal_package(PASSPHRASE)
    with paris.client() as alice, ThreadPoolExecutor(1) as pool:
        alice.log_in("alice", PASSWORD)
        draft = alice.new_package("Film", ["alice"], {"film.mov": film}, envelope=envelope)
        upload = pool.submit(alice.upload, draft, {"film.mov": film}, 0.0, key)  # one that gives up at once
        until(lambda: alice.draft(draft.id).files[0]["offset"] > RECORD, pause=0.002)
        paris.restart()
        assert upload.exception(60) is not None

    other = tmp_path / "other" / "film.mov"
    other.parent.mkdir()
    other.write_bytes(b"x" + film.read_bytes()[1:])
    done = paris.run("send", *at(paris, "alice"), *secrets, "--go-on", draft.id, str(other), check=False)
    assert "was changed since its upload was begun" in done.stderr
    paris.run("send", *at(paris, "alice"), *secrets, "--go-on", draft.id, str(film))

    target = tmp_path / "here"
    with paris.client() as alice:
        alice.log_in("alice", PASSWORD)
        found = fetching.contents(alice, f"packages/{draft.id}/contents")
        fetch = Fetch(alice, found, found.files[0], target, key, 0.0)
        target.mkdir()
        fetch.part.write_bytes(film.read_bytes()[: 50 * RECORD + 77])  # as an interrupted one leaves it
        asked: list[str] = []
        stream = alice.stream

        def noting(method: str, path: str, **more: object) -> object:
            asked.append(str(more.get("headers")))
            return stream(method, path, **more)  # type: ignore[arg-type]

        alice.stream = noting  # type: ignore[method-assign, assignment]
        fetch.run()
    assert asked == [str({"Range": f"bytes={50 * envelopes.SEALED}-"})]
    assert (target / "film.mov").read_bytes() == film.read_bytes()


def test_a_flipped_byte_and_a_lost_end_are_noticed(
    cluster: Cluster, folder: Path, secrets: list[str], tmp_path: Path
) -> None:
    paris, _ = cluster
    package = send(paris, folder, secrets, "alice")
    store = paris.folder / "data" / "store"
    blobs = sorted((path for path in store.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime)
    size = envelopes.sealed_size(2 * RECORD)
    two = next(path for path in reversed(blobs) if path.stat().st_size == size)
    data = bytearray(two.read_bytes())
    data[RECORD + 500] ^= 1
    two.write_bytes(data)
    target = tmp_path / "here"
    done = paris.run(
        "fetch", *at(paris, "alice"), *secrets, "--into", str(target), package, "rushes/two.bin", check=False
    )
    assert "rushes/two.bin is damaged" in done.stderr
    assert not (target / "rushes" / "two.bin").exists()

    two.write_bytes(data[: size // 2])
    with paris.client() as alice:
        alice.log_in("alice", PASSWORD)
        found = fetching.contents(alice, f"packages/{package}/contents")
        assert found.envelope is not None
        key = sealing.open_package(found.envelope, PASSPHRASE)
        entry = next(file for file in found.files if file.path == "rushes/two.bin")
        with pytest.raises((ClientError, Damaged)):
            Fetch(alice, found, entry, target, key, 0.0).run()
    assert not (target / "rushes" / "two.bin").exists()


def test_people_outside_fetch_by_their_link(cluster: Cluster, folder: Path, secrets: list[str], tmp_path: Path) -> None:
    paris, _ = cluster
    envelope, key = sealing.seal_package(PASSPHRASE)
    plan = folder / "two.bin"
    with paris.client() as alice:
        alice.log_in("alice", PASSWORD)
        alice.get("packages/new")
        call = {
            "title": "For Nora",
            "recipients": ["nora@outside.example"],
            "files": [{"path": "two.bin", "size": envelopes.sealed_size(plan.stat().st_size)}],
            "envelope": envelope.members(),
            "link": {"password": PASSWORD},
        }
        draft = alice._draft(alice.post_json("packages/new", call), 201)
        alice.upload(draft, {"two.bin": plan}, key=key)
    mails = "SELECT secret FROM notices_outgoingmail WHERE \"to\" = 'nora@outside.example'"
    link = f"{paris.address}link/{paris.query(mails)[0][0]}"
    there = ["--server", paris.address, "--certificate", str(paris.certificate)]
    paris.run("fetch", *there, *secrets, "--into", str(tmp_path / "here"), link)
    assert (tmp_path / "here" / "two.bin").read_bytes() == plan.read_bytes()
    (tmp_path / "password").write_text("a guess of mine\n")
    done = paris.run("fetch", *there, *secrets, "--into", str(tmp_path / "no"), link, check=False)
    assert "This is not the password of the link." in done.stderr
    done = paris.run("fetch", *there, *secrets, "--into", str(tmp_path / "no"), link[:-1], check=False)
    assert "This link is not good." in done.stderr


def test_always_refuses_the_command_line_too(cluster: Cluster, folder: Path, secrets: list[str]) -> None:
    paris, _ = cluster
    paris.execute(
        "INSERT INTO accounts_encryptionrule (id, name, mode) "
        "VALUES ('00000000000000000000000000000001', 'encryption', 'always')"
    )
    try:
        asked = [*at(paris, "alice"), *secrets[:2], "--to", "alice", "--title", "Plain", str(folder / "empty.txt")]
        done = paris.run("send", *asked, check=False)
        assert "On this server packages are always encrypted." in done.stderr
    finally:
        paris.execute("DELETE FROM accounts_encryptionrule")


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    film = tmp_path / "film.mov"
    with film.open("wb") as file:
        file.truncate(1_500_000_000)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from posthouse.cli.sources import Sealed\n"
        "from posthouse.lib.sealing import FileSealer\n"
        "sealed = Sealed(Path(sys.argv[1]), bytes(32), 'film.mov')\n"
        "opener = FileSealer(bytes(32), 'film.mov', sealed.inside)\n"
        "done = sum(len(opener.open(number, record)) for number, record in enumerate(sealed.pieces(0)))\n"
        "peak = Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]\n"
        "print(done, peak)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, film], capture_output=True, text=True, check=True)
    size, peak = map(int, done.stdout.split())
    assert size == film.stat().st_size
    assert peak < 80_000, "KiB"


def test_a_file_that_shrinks_while_it_is_read_is_no_file(tmp_path: Path) -> None:
    film = tmp_path / "film.mov"
    film.write_bytes(MARK * 60_000)
    sealed = sources.Sealed(film, bytes(32), "film.mov")
    pieces = sealed.pieces(0)
    next(pieces)
    film.write_bytes(MARK)
    with pytest.raises(sources.Changed):
        list(pieces)
