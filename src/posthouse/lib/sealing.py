"""Sealing files with a passphrase, and opening them again: the same bytes as static/packages/sealing.js makes.

The format is described in docs/decisions/2026-11-28-encryption.md. Only clients use this: servers never hold a key.
Pure, but for new keys, which are random.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from posthouse.lib import envelopes
from posthouse.lib.envelopes import EXTRA, KEY, NONCE, RECORD, SALT, Envelope

WRAP = b"posthouse envelope 1"
FILE = b"posthouse file 1\0"
_PLACE = struct.Struct(">QQ")


class WrongPassphrase(Exception):
    """This is not the passphrase of the package."""


class Damaged(Exception):
    """These bytes are not what the sender sealed: they were changed, moved or cut short on the way."""


def seal_package(passphrase: str, key: bytes | None = None) -> tuple[Envelope, bytes]:
    """Return the envelope of a new package, and the package's key. The caller has judged the passphrase."""
    key = key or os.urandom(KEY)
    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    outer = _outer_key(passphrase, salt, envelopes.LEAST_ITERATIONS)
    wrapped = AESGCM(outer).encrypt(nonce, key, WRAP)
    return Envelope(envelopes.LEAST_ITERATIONS, salt, nonce, wrapped), key


def open_package(envelope: Envelope, passphrase: str) -> bytes:
    """Return the package's key. Raises WrongPassphrase."""
    outer = _outer_key(passphrase, envelope.salt, envelope.iterations)
    try:
        return AESGCM(outer).decrypt(envelope.nonce, envelope.wrapped, WRAP)
    except InvalidTag as error:
        raise WrongPassphrase("This is not the passphrase of the package.") from error


class FileSealer:
    """Seals and opens the records of one file: of this path in the package, and of this size in bytes (unsealed)."""

    def __init__(self, package_key: bytes, path: str, size: int) -> None:
        name = FILE + unicodedata.normalize("NFC", path).encode()
        keys = HKDF(hashes.SHA256(), length=2 * KEY, salt=None, info=name).derive(package_key)
        self._cipher = AESGCM(keys[:KEY])
        self._mac = keys[KEY:]
        self.size = size

    def nonce(self, number: int, piece: bytes) -> bytes:
        """Return the nonce of a record: it depends on all that is in it, so no two records ever share one."""
        return hmac.digest(self._mac, _PLACE.pack(number, self.size) + piece, hashlib.sha256)[:NONCE]

    def seal(self, number: int, piece: bytes) -> bytes:
        """Return a record. The same bytes at the same place make the same record, whenever it is made."""
        _, length = envelopes.span(number, self.size)
        if len(piece) != length - EXTRA:
            raise ValueError(f"Record {number} of {self.size} bytes has {length - EXTRA} bytes, not {len(piece)}.")
        nonce = self.nonce(number, piece)
        return nonce + self._cipher.encrypt(nonce, piece, _PLACE.pack(number, self.size))

    def open(self, number: int, record: bytes) -> bytes:
        """Return what is in a record. Raises Damaged."""
        _, length = envelopes.span(number, self.size)
        if len(record) != length:
            raise Damaged(f"Record {number} has {len(record)} bytes instead of {length}.")
        try:
            return self._cipher.decrypt(record[:NONCE], record[NONCE:], _PLACE.pack(number, self.size))
        except InvalidTag as error:
            raise Damaged(f"Byte {number * RECORD} and those after it are not what was sent.") from error


def _outer_key(passphrase: str, salt: bytes, iterations: int) -> bytes:
    """Return the key that a passphrase gives. The same letters, composed or not, are the same passphrase."""
    text = unicodedata.normalize("NFC", passphrase).encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt, iterations, KEY)
