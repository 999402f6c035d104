"""Both ends of a relay in one process.

This server, paris, receives. The sender is tokyo: it signs with a key of its own, and its calls come in at the real
ASGI application, without a network between.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

import posthouse
from posthouse.accounts.models import User
from posthouse.cluster import calls, identity, servers, signatures
from posthouse.cluster.errors import Broken
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.cluster.transport import Place, Reply
from posthouse.lib.ids import uuid7
from posthouse.packages.manifest import Manifest, Recipient, Sender
from posthouse.packages.manifest_files import FilePart, ManifestBlob, ManifestFile
from posthouse.packages.models import File, Package
from posthouse.relays import asgi, wire
from posthouse.relays.far import FarServer
from posthouse.relays.sending import Sending
from posthouse.store import blobs, digests, parts
from tests.cluster.conftest import Signer

PART = 64 * 1024
SMALL = 1000


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test's own, with parts of 64 KiB and bundles of parts of up to 1000 bytes."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setattr(settings.POSTHOUSE, "store_dir", folder)
    monkeypatch.setattr(parts, "PART", PART)
    monkeypatch.setattr(wire, "SMALL", SMALL)
    return folder


def digest(data: bytes) -> bytes:
    hasher = digests.new("blake3")
    hasher.update(data)
    return hasher.digest()


def contents_of(*sizes: int) -> list[bytes]:
    """Return files of these sizes, the same each time."""
    return [Random(number).randbytes(size) for number, size in enumerate(sizes)]


def describe(contents: list[bytes], sender: User, *recipients: User) -> Manifest:
    """Return the manifest of a package with these files."""
    blobs = []
    for number, data in enumerate(contents):
        size = parts.part_size(len(data))
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        known = tuple(FilePart(digest(piece), zlib.crc32(piece)) for piece in pieces)
        blobs.append(
            ManifestBlob(
                number=number,
                size=len(data),
                algorithm="blake3",
                part_size=size,
                digest=digests.of_parts("blake3", [part.digest for part in known]),
                crc32=zlib.crc32(data),
                parts=known,
            )
        )
    return Manifest(
        package=uuid7(),
        title="Rushes",
        note="",
        sender=Sender(sender.pk, sender.login, sender.name, sender.email),
        recipients=tuple(Recipient(user.pk, user.login, user.name, user.home_id) for user in recipients),
        created=timezone.now(),
        files=tuple(
            ManifestFile(blob.number, f"rushes/take {blob.number}.mov", blob.size, blob.digest, blob.crc32, blob.number)
            for blob in blobs
        ),
        blobs=tuple(blobs),
    )


@dataclass
class Wire:
    """The network from tokyo to paris, which may be told to fail. Counts what it carries."""

    carried: Counter[str] = field(default_factory=Counter)
    twice: bool = False
    """Carry each call two times."""
    drop: set[str] | None = None
    """Lose the answer to each call once; remembers the calls whose answers were lost."""
    before: Callable[[str, str], None] | None = None
    """Called with method and step before a call is carried: may raise."""
    _lock: Lock = field(default_factory=Lock)

    def send(
        self,
        place: Place,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes],
        timeout: float,
        limit: int,
    ) -> Reply:
        step = target.split("/relay/")[1].partition("/")[2]
        if self.before:
            self.before(method, step)
        pieces = [body] if isinstance(body, bytes) else list(body)
        with self._lock:
            self.carried[f"{method} {step}"] += 1
        reply = self._carry(method, target, headers, pieces)
        if self.twice:
            again = signatures.sign(
                method,
                target,
                "",
                to=servers.this().pk,
                content_digest=headers["Content-Digest"],
                fence=int(headers["Posthouse-Fence"]),
            )
            reply = self._carry(method, target, {**headers, **again}, pieces)
        if self.drop is not None:
            with self._lock:
                if step not in self.drop:
                    self.drop.add(step)
                    raise Broken("The connection broke before the answer was there.")
        return reply

    def _carry(self, method: str, target: str, headers: Mapping[str, str], pieces: list[bytes]) -> Reply:
        status, body = asyncio.run(ask(method, target, headers, pieces))
        return Reply(status, {"content-type": "application/json"}, body)


async def ask(method: str, target: str, headers: Mapping[str, str], events: Iterable[Any]) -> tuple[int, bytes]:
    """Make a request of the data plane; an event may be bytes of the body, None for hanging up."""
    pending = list(events)
    answer: list[Mapping[str, Any]] = []

    async def receive() -> Mapping[str, Any]:
        if not pending:
            return {"type": "http.disconnect"}
        piece = pending.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(pending)}

    async def send(event: Mapping[str, Any]) -> None:
        answer.append(event)

    scope = {
        "type": "http",
        "method": method,
        "path": target,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await asgi.application(scope, receive, send)
    if not answer:
        return 0, b""
    return answer[0]["status"], answer[1]["body"]


@pytest.fixture
def here(transactional_db: None, paris: Server) -> Server:
    """Paris, with its real key."""
    identity.ensure()
    return servers.ensure_this()


@pytest.fixture
def sign_as(monkeypatch: pytest.MonkeyPatch, here: Server) -> Callable[[Server], None]:
    """Have calls signed by another server from now on, with a key of its own."""

    def become(server: Server) -> None:
        key = Ed25519PrivateKey.generate()
        Server.objects.filter(pk=server.pk).update(keys=[identity.text_of(key.public_key())])

        def sign(method: str, path: str, query: str, *, sender: UUID | None = None, **more: Any) -> dict[str, str]:
            return signatures.sign_as(server.pk, key, (method, path, query), **more)

        monkeypatch.setattr(signatures, "sign", sign)

    return become


@pytest.fixture
def line(here: Server, tokyo: Server, sign_as: Callable[[Server], None]) -> Iterator[Wire]:
    """The network, over which tokyo calls."""
    sign_as(tokyo)
    wire = Wire()
    with calls.through(wire):
        yield wire


@dataclass
class Tokyo:
    """The sender's side of one relay of Bob's to Alice and to others."""

    here: Server
    contents: list[bytes]
    manifest: Manifest
    relay: Any = field(default_factory=uuid7)
    done: list[int] = field(default_factory=list)
    check: Callable[[], None] = lambda: None

    def far(self, fence: int = 1) -> FarServer:
        return FarServer(self.here, self.relay, fence)

    def read(self, number: int, offset: int, length: int) -> Iterator[bytes]:
        data = self.contents[number][offset : offset + length]
        for at in range(0, len(data), 10_000):
            yield data[at : at + 10_000]

    def send(self, fence: int = 1) -> None:
        Sending(
            self.far(fence), self.manifest, self.read, check=self.check, progress=self.done.append, pauses=(0.01, 0.02)
        ).run()


@pytest.fixture
def tokyo_sends(line: Wire, here: Server, bob: User, alice: User) -> Callable[..., Tokyo]:
    """A package of Bob's for Alice that waits at tokyo, from the sizes of its files."""

    def make(*sizes: int) -> Tokyo:
        contents = contents_of(*sizes)
        return Tokyo(here, contents, describe(contents, bob, alice))

    return make


@pytest.fixture
def caller(here: Server, tokyo: Server) -> Callable[..., Caller]:
    """Who calls, as the signature has proven it: tokyo unless another is named."""

    def make(fence: int | None = 1, server: Server = tokyo, data: bytes = b"") -> Caller:
        return Caller(server, posthouse.__version__, "blake3", digest(data), fence)

    return make


def arrived(package_id: Any) -> list[bytes]:
    """Return the contents of the files of a package that lies here."""
    files = File.objects.filter(package=package_id).select_related("blob").order_by("number")
    return [b"".join(blobs.read(file.blob)) for file in files]  # type: ignore[arg-type]


def nothing_to_see() -> bool:
    """Whether no package is known here, in whatever state."""
    return not Package.objects.exists()


@pytest.fixture
def signer(here: Server, tokyo: Server) -> Signer:
    """Tokyo, with a real key that is known here."""
    return Signer.of(tokyo)
