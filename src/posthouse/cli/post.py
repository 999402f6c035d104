"""`posthouse send` and `posthouse fetch`: packages from the command line, encrypted if wanted."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from posthouse.cli import fetching
from posthouse.cli.browser import ClientError
from posthouse.cli.client import AT_ONCE, Client, Draft
from posthouse.cli.errors import Stop
from posthouse.cli.fetching import Entry, Fetch
from posthouse.cli.letter import Letter
from posthouse.cli.sources import Changed
from posthouse.lib import sealing
from posthouse.lib.envelopes import Envelope

LEAST = 12
"""Characters of a passphrase: it is tried by machines, and nobody counts their tries."""
PATIENCE = 120.0
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Say = Callable[[str], object]


@dataclass(frozen=True)
class Place:
    """A server, and who one is there."""

    server: str
    user: str = ""
    certificate: Path | None = None
    password_file: Path | None = None
    """The first line of it is the password, of a link if there is no user; without one it is asked for."""

    def client(self) -> Client:
        """Return a client that is logged in if there is a user. Raises Stop."""
        try:
            client = Client(self.server.rstrip("/") + "/", certificate=self.certificate)
        except (ValueError, OSError) as error:
            raise Stop(f"{error}.", 2) from error
        if self.user:
            with as_stop():
                client.log_in(self.user, secret(self.password_file, f"Password of {self.user}"))
        return client


def secret(file: Path | None, prompt: str) -> str:
    """Return a secret from the first line of a file, or ask for it. Raises Stop."""
    if file is None:
        if not sys.stdin.isatty():
            raise Stop(f"{prompt}: there is no terminal to ask at. Name a file that holds it.", 2)
        return getpass(f"{prompt}: ")
    try:
        return file.read_text().split("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{file} cannot be read: {error}", 2) from error


def send(place: Place, letter: Letter, paths: list[Path], passphrase: str | None, say: Say) -> None:
    """Send files and folders as a new package. Raises Stop."""
    if not place.user:
        raise Stop("Say who sends it: --user.", 2)
    files = collected(paths)
    sealed: tuple[Envelope, bytes] | None = None
    if passphrase is not None:
        if len(passphrase) < LEAST:
            raise Stop(f"The passphrase has {len(passphrase)} characters. Take one of at least {LEAST}.", 2)
        sealed = sealing.seal_package(passphrase)
    with place.client() as client, as_stop():
        envelope = sealed[0] if sealed else None
        draft = client.new_package(letter.title, letter.to, files, envelope=envelope, more=letter.members())
        say(f"Package {draft.id}: {len(files):,} file{'' if len(files) == 1 else 's'} on the way.")
        _upload(client, draft, files, sealed[1] if sealed else None)
    say("Everything is uploaded.")


def go_on(place: Place, package: str, paths: list[Path], passphrase: Callable[[], str], say: Say) -> None:
    """Go on with an upload that was interrupted. Raises Stop."""
    files = collected(paths)
    with place.client() as client, as_stop():
        draft = client.draft(package_id(package))
        if not draft.right:
            raise Stop("The package is not uploading any more.")
        missing = [file["path"] for file in draft.files if file["offset"] < file["size"] and file["path"] not in files]
        if missing:
            raise Stop(f"Name these, too: {', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''}.", 2)
        _upload(client, draft, files, _key(draft.envelope, passphrase))
    say("Everything is uploaded.")


def fetch(place: Place, package: str, asked: list[str], folder: Path, passphrase: Callable[[], str], say: Say) -> None:
    """Fetch a package, or some of its files, into a folder. What is there already is left as it is. Raises Stop."""
    with place.client() as client, as_stop():
        found = fetching.contents(client, _contents_address(client, place, package))
        key = _key(found.envelope, passphrase)  # before a byte is fetched
        todo = [file for file in fetching.wanted(found.files, asked) if not _is_there(folder, file, say)]
        say(f"“{found.title}”: {len(todo):,} file{'' if len(todo) == 1 else 's'} to fetch.")

        def one(file: Entry) -> None:
            Fetch(client, found, file, folder, key, PATIENCE).run()
            say(f"  {file.path}")

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(one, todo):
                pass


def collected(paths: list[Path]) -> dict[str, Path]:
    """Return the files to send by their paths in the package; a folder gives all that is in it. Raises Stop."""
    found: dict[str, Path] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
        elif not path.is_file():
            raise Stop(f"There is no file {path}.", 2)
        root = path.resolve().parent if path.is_dir() else path.parent
        for file in inside:
            name = (file.resolve() if path.is_dir() else file).relative_to(root).as_posix()
            name = unicodedata.normalize("NFC", name)
            if name in found:
                raise Stop(f"{found[name]} and {file} would have the same name in the package.", 2)
            found[name] = file
    if not found:
        raise Stop("There is no file to send.", 2)
    return found


def package_id(package: str) -> str:
    """Return the id in what somebody typed: the id itself, or the address of a page. Raises Stop."""
    found = ID.findall(package)
    if len(found) != 1:
        raise Stop(f"{package} names no package: give its id, or the address of its page.", 2)
    return str(found[0])


@contextmanager
def as_stop() -> Iterator[None]:
    """Turn what goes wrong into a sentence for the person at the keyboard."""
    try:
        yield
    except (ClientError, Changed, sealing.Damaged, sealing.WrongPassphrase) as error:
        raise Stop(str(error)) from error
    except HTTPError as error:
        raise Stop(f"The server does not answer: {error}") from error


def _upload(client: Client, draft: Draft, files: dict[str, Path], key: bytes | None) -> None:
    try:
        client.upload(draft, files, PATIENCE, key)
    except ClientError as error:
        raise Stop(f"{error} Go on with it: posthouse send --go-on {draft.id}") from error


def _key(envelope: Envelope | None, passphrase: Callable[[], str]) -> bytes | None:
    return sealing.open_package(envelope, passphrase()) if envelope else None


def _contents_address(client: Client, place: Place, package: str) -> str:
    """Return where a package is described: one's own, or one that a link for people outside opens."""
    if "/link/" in package:
        page = client.get(package)
        if page.status != 200:
            raise Stop("This link is not good. It may have ended, or a part of it was cut off.")
        if "/visit/" not in page.url:
            page = client.fill_in(page, {"password": secret(place.password_file, "Password of the link")})
        if "/visit/" not in page.url:
            raise Stop("This is not the password of the link. After many wrong ones none is taken for a while.")
        return urlsplit(page.url).path.rstrip("/") + "/contents"
    return f"packages/{package_id(package)}/contents"


def _is_there(folder: Path, file: Entry, say: Say) -> bool:
    if (folder / file.path).exists():
        say(f"  {file.path} is there already, and is left as it is")
        return True
    return False
