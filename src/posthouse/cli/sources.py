"""What is uploaded: a file as it is, or sealed on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from posthouse.lib import envelopes
from posthouse.lib.envelopes import RECORD, SEALED
from posthouse.lib.sealing import FileSealer

PIECE = 1024 * 1024


class Changed(Exception):
    """The file was changed while it was read, or since its upload was begun."""


class Source(Protocol):
    """Bytes that can be read from any of them on, as often as an upload needs it."""

    name: str
    size: int

    def pieces(self, offset: int) -> Iterator[bytes]:
        """Yield all bytes from `offset` on. Raises OSError and Changed."""
        ...


class Plain:
    """A file as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.size = path.stat().st_size

    def pieces(self, offset: int) -> Iterator[bytes]:
        """Yield its bytes."""
        with self.path.open("rb") as file:
            file.seek(offset)
            while piece := file.read(PIECE):
                yield piece


class Sealed:
    """A file that is sealed as it is read. The same file gives the same bytes, so an upload can go on anywhere."""

    def __init__(self, path: Path, key: bytes, place: str) -> None:
        """`key` is that of the package, `place` the file's path in it."""
        self.path = path
        self.name = path.name
        self.inside = path.stat().st_size
        self.size = envelopes.sealed_size(self.inside)
        self._sealer = FileSealer(key, place, self.inside)

    def pieces(self, offset: int) -> Iterator[bytes]:
        """Yield its sealed bytes."""
        with self.path.open("rb") as file:
            for number in range(offset // SEALED, envelopes.records(self.inside)):
                record = self._sealer.seal(number, self._read(file, number))
                yield record[max(0, offset - number * SEALED) :]

    def check(self, marks: Iterable[tuple[int, str]]) -> None:
        """Raise Changed unless the file is the one whose upload was begun, as far as the server's marks tell."""
        with self.path.open("rb") as file:
            for number, mark in marks:
                if number >= envelopes.records(self.inside):
                    raise self._changed()
                nonce = self._sealer.nonce(number, self._read(file, number))
                if base64.b64encode(nonce).decode() != mark:
                    raise self._changed()

    def _read(self, file: _Readable, number: int) -> bytes:
        file.seek(number * RECORD)
        piece = file.read(min(RECORD, self.inside - number * RECORD))
        if len(piece) != min(RECORD, self.inside - number * RECORD):
            raise self._changed()
        return piece

    def _changed(self) -> Changed:
        return Changed(f"{self.path} was changed since its upload was begun. Send it as a new package.")


class _Readable(Protocol):
    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...
