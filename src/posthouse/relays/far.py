"""The far side of a relay, as the sender sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from uuid import UUID

from django.db import close_old_connections

from posthouse.cluster import calls, servers
from posthouse.cluster.calls import Answer
from posthouse.cluster.errors import NotPosthouse
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import digest_field
from posthouse.relays import wire
from posthouse.relays.lines import Lines, Pace, Steady
from posthouse.relays.wire import Item, Standing

MANIFEST_SECONDS = 300.0
"""A manifest of tens of thousands of files takes the far side a while: it makes room for each of them."""


class Far(Protocol):
    """What a relay asks of the server that it goes to. Each may raise CallError, and may be asked again."""

    pace: Pace
    """How much may be under way."""

    def offer(self, package: UUID, size: int) -> Standing:
        """Offer the package and return how far it is there."""
        ...

    def manifest(self, data: bytes) -> Standing:
        """Hand over the manifest and return what is missing."""
        ...

    def outline(self, data: bytes) -> Standing:
        """Say which files will come, before their digests are known, and return what is missing of them."""
        ...

    def part(self, file: int, part: int, *, algorithm: str, digest: bytes, length: int, body: Iterator[bytes]) -> None:
        """Send one part; when this returns, it is safely there."""
        ...

    def stretch(
        self,
        file: int,
        part: int,
        start: int,
        *,
        algorithm: str,
        digest: bytes,
        part_digest: bytes,
        length: int,
        body: Iterator[bytes],
    ) -> None:
        """Send some bytes of a part, from `start` on; when this returns, they are safely there.

        `digest` is theirs, `part_digest` that of all of the part.
        """
        ...

    def bundle(self, items: Sequence[Item]) -> None:
        """Send small parts; when this returns, they are safely there."""
        ...

    def commit(self) -> Standing:
        """Have the package shown to its recipients, all of it being there."""
        ...

    def withdraw(self) -> None:
        """Have the far side forget the relay, unless it is done."""
        ...


class FarServer:
    """The far side over signed calls. Safe to use from several threads."""

    def __init__(self, server: Server, relay: UUID, fence: int, lines: Lines | None = None) -> None:
        """The calls go by `lines`; without, by the network that all calls go through."""
        self.server = server
        self.fence = fence
        self.pace: Pace = lines or Steady()
        self._sender = servers.this().pk  # once: the threads of a relay come and go, and none shall need the database
        self._lines = lines
        self._path = f"relay/{relay}"

    def offer(self, package: UUID, size: int) -> Standing:
        """Offer the package and return how far it is there."""
        return self._standing(self._call("POST", "offer", json={"package": str(package), "size": size}))

    def manifest(self, data: bytes) -> Standing:
        """Hand over the manifest and return what is missing."""
        return self._standing(self._call("PUT", "manifest", body=data, timeout=MANIFEST_SECONDS))

    def outline(self, data: bytes) -> Standing:
        """Say which files will come, and return what is missing of them."""
        return self._standing(self._call("PUT", "outline", body=data, timeout=MANIFEST_SECONDS))

    def part(self, file: int, part: int, *, algorithm: str, digest: bytes, length: int, body: Iterator[bytes]) -> None:
        """Send one part; its digest is known, so nothing is digested here."""
        self._call(
            "PUT", f"parts/{file}/{part}", body=body, length=length, content_digest=digest_field(algorithm, digest)
        )

    def stretch(
        self,
        file: int,
        part: int,
        start: int,
        *,
        algorithm: str,
        digest: bytes,
        part_digest: bytes,
        length: int,
        body: Iterator[bytes],
    ) -> None:
        """Send some bytes of a part."""
        self._call(
            "PUT",
            f"parts/{file}/{part}/{start}/{part_digest.hex()}",
            body=body,
            length=length,
            content_digest=digest_field(algorithm, digest),
        )

    def bundle(self, items: Sequence[Item]) -> None:
        """Send small parts."""
        self._call("PUT", "bundle", body=wire.pack(items))

    def commit(self) -> Standing:
        """Have the package shown to its recipients."""
        return self._standing(self._call("POST", "commit", json={}, timeout=MANIFEST_SECONDS))

    def withdraw(self) -> None:
        """Have the far side forget the relay."""
        self._call("DELETE", "")

    def _call(
        self,
        method: str,
        step: str,
        *,
        json: dict[str, object] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        length: int | None = None,
        content_digest: str | None = None,
        timeout: float = calls.TIMEOUT_SECONDS,
    ) -> Answer:
        try:
            return calls.call(
                self.server,
                method,
                f"{self._path}/{step}".rstrip("/"),
                json=json,
                body=body,
                length=length,
                content_digest=content_digest,
                fence=self.fence,
                timeout=timeout,
                transport=self._lines,
                sender=self._sender,
            )
        finally:
            close_old_connections()  # if there is one after all: the threads of a relay come and go

    def _standing(self, answer: Answer) -> Standing:
        try:
            return Standing.read(answer.json())
        except wire.WireError as error:
            raise NotPosthouse(str(error)) from error
