"""Reading a manifest as one reads a stranger's letter: whatever the bytes, what is taken out has its type and bounds.

Pure: no database, no clock, no network.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from posthouse.packages import names

T = TypeVar("T")

TEXT = 254
"""Characters of a person's name, log-in name or e-mail address, at most."""


class ManifestError(ValueError):
    """The manifest cannot be used; the message says what is wrong with it."""


def unpack(data: bytes, limit: int) -> Reader:
    """Return the manifest that these bytes are, of at most `limit` bytes when uncompressed. Raises ManifestError."""
    return Reader(_parse(_inflate(data, limit)), "manifest")


def _inflate(data: bytes, limit: int) -> bytes:
    """Return the uncompressed bytes; a small stream that grows beyond `limit` is stopped there."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, limit)
    except zlib.error as error:
        raise ManifestError("The manifest is not compressed as it should be.") from error
    if not stream.eof:
        raise ManifestError(f"The manifest is cut short, or larger than {limit} bytes.")
    if stream.unused_data:
        raise ManifestError("Something follows the manifest.")
    return text


def _parse(text: bytes) -> object:
    def no_constant(name: str) -> NoReturn:
        raise ManifestError(f"The manifest holds {name}, which is no number.")

    try:
        found: object = json.loads(text, parse_constant=no_constant)
    except ManifestError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, not UTF-8, a number without end
        raise ManifestError("The manifest is not proper JSON.") from error
    return found


class Reader:
    """An object of the manifest, whose members are taken out one by one, each checked for type and bounds."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise ManifestError(f"The manifest's {where} is not an object.")
        self.members: Mapping[str, Any] = value
        self.where = where

    def object(self, key: str) -> Reader:
        return Reader(self._take(key), key)

    def list(self, key: str, most: int) -> list[Reader]:
        return [Reader(entry, key) for entry in self.rows(key, most)]

    def rows(self, key: str, most: int) -> Sequence[Any]:
        """Return a list whose entries the caller checks."""
        value = self._take(key)
        if not isinstance(value, list):
            self._refuse(key, "is not a list")
        if len(value) > most:
            self._refuse(key, f"has more than {most} entries")
        return value

    def integer(self, key: str, most: int = 2**63 - 1) -> int:
        value = self._take(key)
        if type(value) is not int or not 0 <= value <= most:
            self._refuse(key, f"is not a whole number from 0 to {most}")
        return value

    def text(self, key: str, most: int, *, empty: bool = False) -> str:
        value = self._take(key)
        if not isinstance(value, str) or len(value) > most or not (value or empty):
            self._refuse(key, f"is not a text of at most {most} characters")
        plain = value.isascii() and value.isprintable()
        if not plain and any(names.hidden(character) for character in value if character not in "\n\t"):
            self._refuse(key, "holds a control character")
        return value

    def label(self, key: str) -> str:
        """Return what a person is called: for messages only, so any character will do."""
        value = self._take(key)
        if not isinstance(value, str) or len(value) > TEXT:
            self._refuse(key, f"is not a text of at most {TEXT} characters")
        return value

    def bytes(self, key: str) -> bytes:
        value = self._take(key)
        if not isinstance(value, str):
            self._refuse(key, "is not base64")
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            self._refuse(key, "is not base64")

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            self._refuse(key, "is neither true nor false")
        return value

    def maybe(self, key: str, take: Callable[[str], T]) -> T | None:
        """Return what `take` makes of a member; None when it is null."""
        return None if self._take(key) is None else take(key)

    def uuid(self, key: str) -> UUID:
        value = self._take(key)
        if not isinstance(value, str):
            self._refuse(key, "is not an id")
        try:
            return UUID(value)
        except ValueError:
            self._refuse(key, "is not an id")

    def time(self, key: str) -> datetime:
        value = self._take(key)
        if not isinstance(value, str):
            self._refuse(key, "is not a time")
        try:
            moment = datetime.fromisoformat(value)
            if moment.utcoffset() is None:
                self._refuse(key, "has no time zone")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self._refuse(key, "is not a time")

    def _take(self, key: str) -> Any:
        try:
            return self.members[key]
        except KeyError:
            self._refuse(key, "is missing")

    def _refuse(self, key: str, why: str) -> NoReturn:
        raise ManifestError(f"In the manifest, “{key}” of {self.where} {why}.") from None
