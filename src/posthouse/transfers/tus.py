"""The words of the tus resumable upload protocol 1.0.0 (https://tus.io/protocols/resumable-upload). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING
from uuid import UUID

from posthouse.transfers.errors import BadRequest

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
CHECKSUMS = ("sha1", "sha256")
BODY_TYPE = "application/offset+octet-stream"
METADATA_LIMIT = 8192

DISCOVERY = {
    "Tus-Resumable": VERSION,
    "Tus-Version": VERSION,
    "Tus-Extension": EXTENSIONS,
    "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
}
"""What OPTIONS answers."""


@dataclass(frozen=True)
class Checksum:
    """The digest that a client announces for the body of one request."""

    algorithm: str
    expected: bytes

    def hasher(self) -> _Hash:
        """Return what computes the digest of the body."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


@dataclass(frozen=True)
class Creation:
    """The file that a client wants to upload."""

    file: UUID
    length: int
    metadata: str


def creation(headers: Mapping[str, str], length: int | None) -> Creation:
    """Read the headers of a creation request; `length` is its Upload-Length. Raises BadRequest."""
    if "upload-defer-length" in headers:
        raise BadRequest("The length of the file must be known at the start: send Upload-Length.")
    if "upload-concat" in headers:
        raise BadRequest("Files are uploaded whole here: leave out Upload-Concat.")
    if length is None:
        raise BadRequest("Upload-Length is missing: the bytes of the whole file.")
    raw = headers.get("upload-metadata", "")
    try:
        file = UUID(metadata(raw)["file"].decode())
    except (KeyError, ValueError):
        raise BadRequest('Upload-Metadata must name the file: "file " and its id in Base64.') from None
    return Creation(file, length, raw)


def metadata(value: str) -> dict[str, bytes]:
    """Read an Upload-Metadata field: keys with Base64 values, or without, between commas. Raises BadRequest."""
    if len(value) > METADATA_LIMIT:
        raise BadRequest(f"Upload-Metadata has more than {METADATA_LIMIT} characters.")
    pairs: dict[str, bytes] = {}
    for item in filter(None, (part.strip() for part in value.split(","))):
        key, _, coded = item.partition(" ")
        if key in pairs:
            raise BadRequest(f"Upload-Metadata has the key {key!r} twice.")
        try:
            pairs[key] = base64.b64decode(coded.strip(), validate=True)
        except binascii.Error:
            raise BadRequest(f"Upload-Metadata: the value of {key!r} is not Base64.") from None
    return pairs


def checksum(value: str | None) -> Checksum | None:
    """Read an Upload-Checksum field: the algorithm, and the digest in Base64. Raises BadRequest."""
    if value is None:
        return None
    algorithm, _, coded = value.partition(" ")
    if algorithm not in CHECKSUMS:
        raise BadRequest(f"Upload-Checksum: this server knows {' and '.join(CHECKSUMS)} only.")
    try:
        expected = base64.b64decode(coded.strip(), validate=True)
    except binascii.Error:
        raise BadRequest("Upload-Checksum: the digest is not Base64.") from None
    if len(expected) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadRequest(f"Upload-Checksum: this is not as long as a digest of {algorithm} is.")
    return Checksum(algorithm, expected)


def expires(moment: datetime) -> str:
    """Return an Upload-Expires field (RFC 9110, section 5.6.7); `moment` is in UTC."""
    return format_datetime(moment, usegmt=True)
