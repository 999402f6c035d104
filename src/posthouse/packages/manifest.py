"""The manifest: what one server tells another about a package, before and instead of its bytes.

Compressed JSON. Reading one trusts nothing: whatever the bytes, `loads` returns a manifest that holds together or
raises ManifestError. Pure: no database, no clock, no network.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from posthouse.lib import envelopes
from posthouse.packages import limits, manifest_files
from posthouse.packages.manifest_files import ManifestBlob, ManifestFile
from posthouse.packages.reading import ManifestError, unpack

VERSION = 2
LIMIT = 128 * 1024 * 1024
"""Bytes of JSON that are read at most: some two million parts, 30 TB in parts of the smallest size."""


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
class Manifest:
    """A package and all that belongs to it, but for the bytes."""

    package: UUID
    title: str
    note: str
    sender: Sender
    recipients: tuple[Recipient, ...]
    created: datetime
    files: tuple[ManifestFile, ...]
    blobs: tuple[ManifestBlob, ...]
    """In the order of their numbers."""
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

    @property
    def carried(self) -> int:
        """Bytes that travel: packs may have gaps."""
        return sum(blob.size for blob in self.blobs)


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
        **manifest_files.document(manifest.files, manifest.blobs),
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return zlib.compress(text, 1)  # most of it is digests, on which more effort is lost


def loads(data: bytes, limit: int = LIMIT) -> Manifest:
    """Return the manifest whose JSON has at most `limit` bytes; raise ManifestError, and nothing else, if unsound."""
    document = unpack(data, limit)
    version = document.integer("version")
    if version != VERSION:
        raise ManifestError(f"The manifest has version {version}; this server reads version {VERSION}.")
    sender, outside = document.object("sender"), document.object("outside")
    recipients = document.list("recipients", limits.RECIPIENTS)
    files, blobs = manifest_files.read(document)
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
        files=files,
        blobs=blobs,
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
