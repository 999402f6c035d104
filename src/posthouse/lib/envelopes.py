"""Encrypted packages as servers see them: the envelope that holds the wrapped key, and the sizes of sealed files.

The format is described in docs/decisions/2026-11-28-encryption.md. Keys are in posthouse.lib.sealing, which no server
needs. Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

VERSION = 1
RECORD = 1024 * 1024
"""Bytes of a file in every record but the last."""
NONCE = 12
TAG = 16
EXTRA = NONCE + TAG
"""Bytes that a record has more than what is in it."""
SEALED = RECORD + EXTRA
KEY = 32
SALT = 16
LEAST_ITERATIONS = 600_000
"""Of PBKDF2-HMAC-SHA-256, as OWASP advises in 2023 and since."""
MOST_ITERATIONS = 10_000_000
"""More would keep a phone busy for a minute."""
MOST_TEXT = 400
"""Characters of an envelope as text, at most."""


class BadEnvelope(ValueError):
    """The envelope is not one of this format; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a passphrase needs to become the key of a package: nothing in it is secret."""

    iterations: int
    salt: bytes
    nonce: bytes
    wrapped: bytes
    """The package's key, sealed with the key that the passphrase gives."""

    def text(self) -> str:
        """Return it as it is stored and sent: JSON, always in the same form."""
        return json.dumps(self.members(), separators=(",", ":"))

    def members(self) -> dict[str, object]:
        """Return it as the object that `read` takes."""
        coded = {name: base64.b64encode(getattr(self, name)).decode() for name in ("salt", "nonce", "wrapped")}
        return {"version": VERSION, "iterations": self.iterations, **coded}


def read(value: object) -> Envelope:
    """Return the envelope that an object describes. Raises BadEnvelope."""
    if not isinstance(value, Mapping):
        raise BadEnvelope("The envelope is not an object.")
    if value.get("version") != VERSION or type(value.get("version")) is not int:
        raise BadEnvelope(f"The envelope is not of version {VERSION}.")
    if unknown := sorted(str(name) for name in value.keys() - {"version", "iterations", "salt", "nonce", "wrapped"}):
        raise BadEnvelope(f"The envelope has members that version {VERSION} does not know: {', '.join(unknown)[:60]}.")
    iterations = value.get("iterations")
    if type(iterations) is not int or not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise BadEnvelope(f"The envelope's iterations are a number from {LEAST_ITERATIONS:,} to {MOST_ITERATIONS:,}.")
    return Envelope(
        iterations, _bytes(value, "salt", SALT), _bytes(value, "nonce", NONCE), _bytes(value, "wrapped", KEY + TAG)
    )


def parse(text: str) -> Envelope:
    """Return the envelope in a text. Raises BadEnvelope."""
    if len(text) > MOST_TEXT:
        raise BadEnvelope("The envelope is too long.")
    try:
        return read(json.loads(text))
    except BadEnvelope:
        raise
    except (ValueError, RecursionError) as error:
        raise BadEnvelope("The envelope is not proper JSON.") from error


def records(size: int) -> int:
    """Return the number of records of a file of `size` bytes; an empty file has one, too."""
    return max(1, -(-size // RECORD))


def sealed_size(size: int) -> int:
    """Return the bytes of a file of `size` bytes once it is sealed."""
    return size + records(size) * EXTRA


def open_size(sealed: int) -> int | None:
    """Return the bytes of the file that `sealed` bytes hold, or None when no file has so many once it is sealed."""
    if sealed < EXTRA:
        return None
    size = sealed - -(-sealed // SEALED) * EXTRA
    return size if size >= 0 and sealed_size(size) == sealed else None


def span(number: int, size: int) -> tuple[int, int]:
    """Return where a record of a sealed file of `size` bytes (unsealed) lies: its offset and its length, in bytes.

    Raises ValueError for a number that the file does not have.
    """
    if not 0 <= number < records(size):
        raise ValueError(f"A file of {size} bytes has no record {number}.")
    return number * SEALED, min(RECORD, size - number * RECORD) + EXTRA


def _bytes(value: Mapping[object, object], name: str, length: int) -> bytes:
    text = value.get(name)
    try:
        found = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != length:
        raise BadEnvelope(f"The envelope's {name} is not {length} bytes in base64.")
    return found
