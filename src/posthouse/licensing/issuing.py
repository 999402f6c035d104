"""The issuer's side: his key, and licences signed with it. He needs no server for that."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key


class NoKey(Exception):
    """The issuer's key cannot be used; the message says why."""


def key_at(path: Path) -> tuple[Ed25519PrivateKey, bool]:
    """Return the issuer's key in a file, and whether it was made now because there was none. Raises NoKey."""
    try:
        made = _make(path)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise NoKey(f"{path} cannot be read or written: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise NoKey(f"{path} holds no key without a password.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NoKey(f"{path} holds no Ed25519 key.")
    return key, made


def _make(path: Path) -> bool:
    """Make a key that nobody else can read; False when there is a file of that name."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return True
