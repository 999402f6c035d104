"""What a licence says, and the signed text that it travels as. Pure: keys and times are arguments.

The text is a JSON web token (RFC 7519) signed with Ed25519 (RFC 8037), so that any such tool can read it. Only the one
header that is written here is accepted: no other algorithm, no other kind of token, and nothing marked as critical.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HEADER = {"alg": "EdDSA", "typ": "posthouse-licence"}
LIMIT = 4096
"""Characters of the longest token that is looked at."""
ANY = "any"
TEXT_LENGTH = 200
SERIAL_LENGTH = 60
MOST_SEATS = 1_000_000_000


class BadLicence(Exception):
    """A text is no licence that can be used; the message is a sentence that says why."""


@dataclass(frozen=True)
class Terms:
    """What a licence allows, to whom, and for how long."""

    serial: str
    licensee: str
    server: UUID | None
    """The only server that it is for; None: any server."""
    multi_server: bool
    """Whether the server may be one of several in a cluster."""
    seats: int | None
    """Users who may be logged in at the same time; None: as many as there are."""
    begins: datetime
    ends: datetime
    issued: datetime


def write(terms: Terms, key: Ed25519PrivateKey) -> str:
    """Return a licence as a text that is signed with an issuer's key."""
    claims = {
        "jti": terms.serial,
        "sub": terms.licensee,
        "aud": ANY if terms.server is None else str(terms.server),
        "nbf": int(terms.begins.timestamp()),
        "exp": int(terms.ends.timestamp()),
        "iat": int(terms.issued.timestamp()),
        "multi_server": terms.multi_server,
        "seats": terms.seats,
    }
    _terms(claims)
    signed = f"{_encode(_json(HEADER))}.{_encode(_json(claims))}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def read(text: str, issuers: Sequence[Ed25519PublicKey]) -> Terms:
    """Return what a licence says that one of the issuers has signed. Raises BadLicence.

    Whether it is for this server, and for this day, is another question.
    """
    token = "".join(text.split())  # mail programs break long lines
    parts = token.split(".")
    if len(token) > LIMIT or len(parts) != 3:
        raise BadLicence("This is no licence: it should be one long line of three parts with full stops between them.")
    try:
        header, claims = (json.loads(_decode(part)) for part in parts[:2])
        signature = _decode(parts[2])
    except (ValueError, RecursionError) as error:
        raise BadLicence("This licence is damaged. Copy the whole text once more.") from error
    if header != HEADER:
        raise BadLicence("This is a signed text, but no licence for Posthouse.")
    signed = f"{parts[0]}.{parts[1]}".encode()
    if not any(_signed_with(key, signed, signature) for key in issuers):
        raise BadLicence(
            "This licence was changed on its way, or its issuer is not one that this server trusts: the settings name"
            " the issuer (licence_issuer)."
        )
    return _terms(claims)


def load_issuers(text: str) -> list[Ed25519PublicKey]:
    """Return the public keys in a text, which are separated by spaces, commas or lines. Raises ValueError."""
    keys = []
    for word in re.split(r"[\s,]+", text.strip()):
        try:
            keys.append(Ed25519PublicKey.from_public_bytes(base64.b64decode(word, validate=True)))
        except ValueError as error:
            raise ValueError(f"“{word[:60]}” is no public key of a licence issuer") from error
    return keys


def text_of(key: Ed25519PublicKey) -> str:
    """Return the text that stands for an issuer's public key in the settings."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _terms(claims: Any) -> Terms:
    """Check the claims, and return what they mean. Raises BadLicence."""
    match claims:
        case {
            "jti": str(serial),
            "sub": str(licensee),
            "aud": str(server),
            "nbf": int(begins),
            "exp": int(ends),
            "iat": int(issued),
            "multi_server": bool(multi_server),
            "seats": None | int() as seats,
        } if (
            _is_name(serial, SERIAL_LENGTH)
            and _is_name(licensee, TEXT_LENGTH)
            and _are_numbers(begins, ends, issued, seats)
        ):
            try:
                return Terms(
                    serial,
                    licensee,
                    None if server == ANY else UUID(server),
                    multi_server,
                    seats,
                    *(datetime.fromtimestamp(moment, UTC) for moment in (begins, ends, issued)),
                )
            except (ValueError, OverflowError, OSError):
                pass
    raise BadLicence("This licence says something that this version of Posthouse does not understand.")


def _is_name(text: str, length: int) -> bool:
    return 0 < len(text) <= length and text.isprintable() and text == text.strip()


def _are_numbers(begins: int, ends: int, issued: int, seats: int | None) -> bool:
    if any(isinstance(number, bool) for number in (begins, ends, issued, seats)):  # to Python, true is a number
        return False
    return seats is None or 0 <= seats <= MOST_SEATS


def _signed_with(key: Ed25519PublicKey, signed: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Return what base64url without padding stands for. Raises ValueError."""
    if "=" in text:
        raise ValueError("padding has no place in a token")
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
