"""The manifest: what one server tells another about a package, before and instead of its bytes.

Compressed JSON. Reading one trusts nothing: whatever the bytes, `loads` returns a manifest that holds together or
raises ManifestError. Pure: no database, no clock, no network.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from posthouse.lib import envelopes
from posthouse.packages import limits, names
from posthouse.packages.reading import ManifestError, Reader, unpack
from posthouse.store import digests, parts

VERSION = 1
LIMIT = 128 * 1024 * 1024
"""Bytes of JSON that are read at most: some two million parts, 30 TB in parts of the smallest size."""
DIGEST_LENGTH = 32
"""Bytes of a digest, whichever it is."""
CRC_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent the package."""

    id: UUID
    login: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of those who get it; `home` is the id of the server where they fetch it. Outside, there is no id."""

    id: UUID | None
    login: str
    name: str
    home: UUID
    private: bool = False
    """Other recipients are not told of this one."""
    email: str = ""
    """Of a recipient outside."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What holds for the links of outside recipients."""

    days: int | None = None
    """How long they are good; None: as long as the package."""
    once: bool = False
    """They end a day after all was downloaded."""
    password: str = ""
    """Hash of the password that is asked for."""
    sender: str = ""
    """E-mail address of somebody outside who sent the package, invited by its sender."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """What one part of a file must amount to."""

    digest: bytes
    crc32: int


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file: `size` and `part_size` in bytes, and the digests by which each part is checked on arrival."""

    number: int
    path: str
    size: int
    algorithm: str
    part_size: int
    digest: bytes
    crc32: int
    parts: tuple[FilePart, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A package and all that belongs to it, but for the bytes."""

    package: UUID
    title: str
    note: str
    sender: Sender
    recipients: tuple[Recipient, ...]
    created: datetime
    files: tuple[ManifestFile, ...]
    release: datetime | None = None
    """Nobody can fetch it before."""
    expires: datetime | None = None
    """When it ends."""
    forwarded_from: UUID | None = None
    outside: Outside = Outside()
    envelope: str = ""
    """Of an encrypted package, what its passphrase needs to open it."""
    version: int = VERSION

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def dumps(manifest: Manifest) -> bytes:
    """Return the manifest as compressed JSON."""
    document = {
        "version": manifest.version,
        "package": str(manifest.package),
        "title": manifest.title,
        "note": manifest.note,
        "sender": {
            "id": str(manifest.sender.id),
            "login": manifest.sender.login,
            "name": manifest.sender.name,
            "email": manifest.sender.email,
        },
        "recipients": [
            {
                "id": str(person.id) if person.id else None,
                "login": person.login,
                "name": person.name,
                "home": str(person.home),
                "private": person.private,
                "email": person.email,
            }
            for person in manifest.recipients
        ],
        "created": manifest.created.isoformat(),
        "release": manifest.release.isoformat() if manifest.release else None,
        "expires": manifest.expires.isoformat() if manifest.expires else None,
        "forwarded_from": str(manifest.forwarded_from) if manifest.forwarded_from else None,
        "outside": asdict(manifest.outside),
        "envelope": manifest.envelope,
        "files": [
            {
                "path": file.path,
                "size": file.size,
                "algorithm": file.algorithm,
                "part_size": file.part_size,
                "digest": _encode(file.digest),
                "crc32": file.crc32,
                # Digest and CRC of part after part in one string: a third of what an object for each would take.
                "parts": _encode(b"".join(part.digest + part.crc32.to_bytes(CRC_LENGTH) for part in file.parts)),
            }
            for file in manifest.files
        ],
    }
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def loads(data: bytes, limit: int = LIMIT) -> Manifest:
    """Return the manifest whose JSON has at most `limit` bytes; raise ManifestError, and nothing else, if unsound."""
    document = unpack(data, limit)
    version = document.integer("version")
    if version != VERSION:
        raise ManifestError(f"The manifest has version {version}; this server reads version {VERSION}.")
    sender, outside = document.object("sender"), document.object("outside")
    recipients = document.list("recipients", limits.RECIPIENTS)
    files = document.list("files", limits.FILES)
    manifest = Manifest(
        package=document.uuid("package"),
        title=document.text("title", limits.TITLE),
        note=document.text("note", limits.NOTE, empty=True),
        sender=Sender(
            id=sender.uuid("id"),
            login=sender.label("login"),
            name=sender.label("name"),
            email=sender.label("email"),
        ),
        recipients=tuple(
            Recipient(
                id=person.maybe("id", person.uuid),
                login=person.label("login"),
                name=person.label("name"),
                home=person.uuid("home"),
                private=person.flag("private"),
                email=person.label("email"),
            )
            for person in recipients
        ),
        created=document.time("created"),
        release=document.maybe("release", document.time),
        expires=document.maybe("expires", document.time),
        forwarded_from=document.maybe("forwarded_from", document.uuid),
        outside=Outside(
            days=outside.maybe("days", outside.integer),
            once=outside.flag("once"),
            password=outside.label("password"),
            sender=outside.label("sender"),
        ),
        envelope=_envelope(document.text("envelope", envelopes.MOST_TEXT, empty=True)),
        files=tuple(_file(number, file) for number, file in enumerate(files)),
    )
    if not manifest.files or not manifest.recipients:
        raise ManifestError("The manifest names no file or no recipient.")
    if any((person.id is None) != ("@" in person.email) for person in manifest.recipients):
        raise ManifestError("A recipient in the manifest is neither a user nor an e-mail address.")
    if len({(person.id, person.email) for person in manifest.recipients}) != len(manifest.recipients):
        raise ManifestError("The manifest names a recipient twice.")
    if len({file.path for file in manifest.files}) != len(manifest.files):
        raise ManifestError("The manifest names a file twice.")
    if manifest.envelope and any(envelopes.open_size(file.size) is None for file in manifest.files):
        raise ManifestError(
            "A file in the manifest of an encrypted package does not have the size of an encrypted file."
        )
    if manifest.size > limits.SIZE:
        raise ManifestError("The manifest's files are larger together than a package can be.")
    return manifest


def _envelope(text: str) -> str:
    try:
        return envelopes.parse(text).text() if text else ""
    except envelopes.BadEnvelope as error:
        raise ManifestError(str(error)) from error


def _file(number: int, entry: Reader) -> ManifestFile:
    path = entry.text("path", limits.PATH)
    try:
        names.check(path)
    except names.BadName as bad:
        raise ManifestError(f"A file name in the manifest cannot be taken: {bad}") from bad
    size = entry.integer("size", most=limits.SIZE)
    algorithm = entry.text("algorithm", 10)
    if algorithm not in digests.ALGORITHMS:
        raise ManifestError(f"The manifest names a digest that is not known here: {names.shown(algorithm)}.")
    part_size = entry.integer("part_size")
    if part_size != parts.part_size(size):
        raise ManifestError(
            f"The manifest cuts a file of {size} bytes into parts of {part_size} bytes, which is wrong."
        )
    raw = entry.bytes("parts")
    step = DIGEST_LENGTH + CRC_LENGTH
    if len(raw) != step * parts.part_count(size, part_size):
        raise ManifestError(f"The manifest's list of parts does not fit a file of {size} bytes.")
    pieces = tuple(
        FilePart(piece[:DIGEST_LENGTH], int.from_bytes(piece[DIGEST_LENGTH:]))
        for piece in (raw[at : at + step] for at in range(0, len(raw), step))
    )
    digest = entry.bytes("digest")
    if digests.of_parts(algorithm, [piece.digest for piece in pieces]) != digest:
        raise ManifestError("A file's digest in the manifest is not the digest of its parts.")
    return ManifestFile(
        number=number,
        path=path,
        size=size,
        algorithm=algorithm,
        part_size=part_size,
        digest=digest,
        crc32=entry.integer("crc32", most=2**32 - 1),
        parts=pieces,
    )


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
