"""Fetching the files of a package into a folder, opening them on the way if they are sealed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from posthouse.cli.browser import PIECE, Browser, ClientError
from posthouse.cli.patience import Patience
from posthouse.lib import envelopes
from posthouse.lib.envelopes import RECORD, SEALED, Envelope
from posthouse.lib.sealing import Damaged, FileSealer
from posthouse.packages import names


@dataclass(frozen=True)
class Entry:
    """A file of a package. `size` is the one that it has on the server, in bytes."""

    id: str
    path: str
    size: int


@dataclass(frozen=True)
class Contents:
    """What a package holds."""

    title: str
    downloads: str
    """Where its files are: this and a file's id is an address."""
    files: list[Entry]
    envelope: Envelope | None


def contents(browser: Browser, address: str) -> Contents:
    """Return what is in a package, from the address that tells it. Raises ClientError."""
    answer = browser.request("GET", address)
    if answer.status != 200:
        raise ClientError("There is no such package here that you may fetch.", answer.status)
    value = answer.json()
    try:
        for file in value["files"]:
            names.check(file["path"])
        return Contents(
            value["title"],
            value["downloads"],
            [Entry(file["id"], file["path"], file["size"]) for file in value["files"]],
            envelopes.read(value["envelope"]) if value["envelope"] else None,
        )
    except (KeyError, TypeError, names.BadName, envelopes.BadEnvelope) as error:
        raise ClientError(f"The server describes the package in a way that cannot be used: {error}") from error


class Fetch:
    """Fetches one file. Begun anew, it goes on behind what is there already.

    Until it is whole it lies beside its place, in a hidden file whose name holds its id: nobody takes it for whole, and
    what came of another package is never gone on with.
    """

    def __init__(
        self, browser: Browser, contents: Contents, file: Entry, folder: Path, key: bytes | None, patience: float
    ) -> None:
        """`key` is the package's, if it is encrypted; `patience` in seconds without progress."""
        self.browser = browser
        self.address = f"{contents.downloads}{file.id}"
        self.file = file
        self.target = folder / file.path
        self.part = self.target.with_name(f".{self.target.name[:100]}.{file.id}.part")
        self.patience = Patience(patience)
        self.size = file.size
        self.sealer: FileSealer | None = None
        if contents.envelope:
            inside = envelopes.open_size(file.size)
            if inside is None or key is None:
                raise Damaged(f"{file.path} does not have the size of an encrypted file.")
            self.size = inside
            self.sealer = FileSealer(key, file.path, inside)

    def run(self) -> None:
        """Fetch it. Raises ClientError, OSError and Damaged."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            before = self._have()
            try:
                self._go_on()
                break
            except (HTTPError, ClientError) as error:
                if self._have() > before:
                    self.patience.gained()
                try:
                    self.patience.wait(error)
                except HTTPError as last:
                    raise ClientError(f"{self.file.path} makes no progress: {last}") from last
        self.part.replace(self.target)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _go_on(self) -> None:
        have = min(self._have(), self.size)
        number = have // RECORD
        if self.sealer:
            have = number * RECORD  # what is behind the last whole record is fetched once more
        with self.part.open("r+b" if self.part.exists() else "w+b") as out:
            out.truncate(have)
            out.seek(have)
            if have == self.size and (self.sealer is None or number == envelopes.records(self.size)):
                return
            response = self._ask(number * SEALED if self.sealer else have)
            try:
                for piece in self._opened(response, self.sealer, number) if self.sealer else response.stream(PIECE):
                    out.write(piece)
            finally:
                response.release_conn()
                out.flush()
                os.fsync(out.fileno())
        if self._have() != self.size:
            raise ClientError(f"{self.file.path} came to an end too early.", 503)

    def _ask(self, start: int) -> BaseHTTPResponse:
        response = self.browser.stream("GET", self.address, headers={"Range": f"bytes={start}-"} if start else {})
        if response.status != (206 if start else 200):
            text = response.read(300)
            response.release_conn()
            raise ClientError(f"{self.file.path}: {response.status} {text!r}", response.status)
        return response

    def _opened(self, response: BaseHTTPResponse, sealer: FileSealer, number: int) -> Iterator[bytes]:
        waiting = bytearray()
        last = envelopes.records(self.size)
        for piece in response.stream(PIECE):
            waiting += piece
            while number < last and len(waiting) >= (length := envelopes.span(number, self.size)[1]):
                try:
                    yield sealer.open(number, bytes(waiting[:length]))
                except Damaged as error:
                    raise Damaged(f"{self.file.path} is damaged. {error}") from error
                del waiting[:length]
                number += 1
        if number < last:
            raise ClientError(f"{self.file.path} came to an end too early.", 503)


def wanted(files: list[Entry], asked: list[str]) -> list[Entry]:
    """Return the files that were asked for: all, or those with these paths, or in these folders. Raises ClientError."""
    if not asked:
        return files
    found = [file for file in files if any(file.path == one or file.path.startswith(f"{one}/") for one in asked)]
    missing = [one for one in asked if not any(file.path == one or file.path.startswith(f"{one}/") for file in files)]
    if missing:
        raise ClientError(f"The package has no {', '.join(missing)}.")
    return found
