"""This server's identity: the file of the Ed25519 key that signs every call to another server (D7)."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from posthouse.cluster import words

WORD_BYTES = 16


def ensure() -> Path:
    """Make the identity key if there is none yet, readable by its owner only, and return its file."""
    path: Path = settings.POSTHOUSE.identity
    return path if path.exists() else _make(path)


def next_path() -> Path:
    """Return the file of the key that will sign after the present one, which is there while keys are rotated."""
    path: Path = settings.POSTHOUSE.identity
    return path.with_name(f"{path.stem}.next{path.suffix}")


def make_next() -> str:
    """Make the key that will sign after the present one, unless it is there already, and return its public half."""
    path = next_path()
    return text_of(_read(path if path.exists() else _make(path)).public_key())


def promote() -> None:
    """Have the next key sign from now on, in all processes; the private half of the present one is gone. Atomic."""
    path: Path = settings.POSTHOUSE.identity
    next_path().replace(path)
    _sync_folder(path)


def _make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # Written beside it and linked: two processes that start at once end with the same, whole key.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return path
    finally:
        draft.unlink()
    _sync_folder(path)
    return path


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def private_key() -> Ed25519PrivateKey:
    """Return the key that signs for this server; it is made if there is none yet."""
    return _read(ensure())


def public_key() -> str:
    """Return the public half, in base64, as the Server List holds it."""
    return text_of(private_key().public_key())


def text_of(key: Ed25519PublicKey) -> str:
    """Return the base64 text that stands for a public key."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def fingerprint(key: str) -> str:
    """Return a public key's fingerprint, for two people to read to one another: sixteen words.

    They are the first 128 bits of the key's SHA-256: nobody can make another key with the same ones.
    """
    return words.spell(_digest(key)[:WORD_BYTES])


def code(key: str) -> str:
    """Return a public key's fingerprint for machines: the first 160 bits in the base 32 of RFC 4648, in groups."""
    text = base64.b32encode(_digest(key)[:20]).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def is_fingerprint(text: str, key: str) -> bool:
    """Return whether somebody has typed this key's fingerprint, as words or as letters and digits, all of it."""
    letters = re.sub(r"[^A-Z0-9]+", "", text.upper())
    return words.read(text) == _digest(key)[:WORD_BYTES] or letters == code(key).replace("-", "")


def _digest(key: str) -> bytes:
    return hashlib.sha256(base64.b64decode(key)).digest()


def load_public(key: str) -> Ed25519PublicKey:
    """Return the key that a base64 text stands for. Raises ValueError when it is none."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))


def _read(path: Path) -> Ed25519PrivateKey:
    # Another process may have put another key in its place.
    status = path.stat()
    return _load(path, (status.st_ino, status.st_mtime_ns))


@lru_cache(maxsize=4)
def _load(path: Path, _which: tuple[int, int]) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path} holds no Ed25519 key. Restore it from a backup of this server.")
    return key
