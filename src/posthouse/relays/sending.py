"""The course of one relay: offer, manifest, parts, commit. No database, no clock but for pauses, no network of its own.

It goes on from whatever the far side has. A few parts travel at a time, each read from the store as it is sent, so
that memory never holds more than a piece of each; small parts travel in bundles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import TypeVar

from posthouse.cluster.errors import Broken, CallError, Kind, Refused
from posthouse.packages import manifest as manifests
from posthouse.packages.manifest import Manifest, ManifestFile
from posthouse.relays import wire
from posthouse.relays.far import Far
from posthouse.relays.wire import Gap, Item
from posthouse.store import parts

T = TypeVar("T")

STREAMS = 4
ROUNDS = 3
"""How often the far side may find something missing at the commit before that counts as a failure."""
PAUSES = (0.5, 2.0, 5.0)
"""Seconds between the tries of one call: for a blip of the line, or a part that another connection still holds."""


class Abandoned(Exception):
    """Another stream of the same relay failed; this one stopped because of it."""


Read = Callable[[int, int, int], Iterator[bytes]]
"""Yields bytes of a file, by its number: from an offset on, so many."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One part to send."""

    file: ManifestFile
    number: int
    offset: int
    length: int


class Sending:
    """One attempt at a relay."""

    def __init__(
        self,
        far: Far,
        manifest: Manifest,
        read: Read,
        *,
        check: Callable[[], None],
        progress: Callable[[int], None],
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """Take what the relay needs.

        `check` is called from any thread between steps and raises when the work must not go on; `progress` is called
        from the caller's thread, about each second, with the bytes that are safely there.
        """
        self.far = far
        self.manifest = manifest
        self.read = read
        self.check = check
        self.progress = progress
        self.pauses = pauses
        self._stopped = Event()

    def run(self) -> None:
        """Send what is missing and have it committed. Raises CallError, StoreError and whatever `check` raises."""
        standing = self._try(lambda: self.far.offer(self.manifest.package, self.manifest.size))
        if standing.state == wire.OFFERED:
            data = manifests.dumps(self.manifest)
            standing = self._try(lambda: self.far.manifest(data))
        for _ in range(ROUNDS):
            if standing.state == wire.COMMITTED:
                break
            if standing.missing:
                self._send(standing.missing)
            self.check()
            standing = self._try(self.far.commit)
        if standing.state != wire.COMMITTED:
            raise CallError("The other server still misses parts that it had acknowledged. It will be tried again.")
        self.progress(self.manifest.size)

    def _send(self, missing: Sequence[Gap]) -> None:
        pieces = list(self._pieces(missing))
        done = self.manifest.size - sum(piece.length for piece in pieces)
        self.progress(done)
        loads = iter(_loads(pieces))
        running: set[Future[int]] = set()
        told = time.monotonic()
        with ThreadPoolExecutor(STREAMS, "relay") as pool:
            try:
                while True:
                    running |= {pool.submit(self._carry, load) for load in islice(loads, 2 * STREAMS - len(running))}
                    if not running:
                        break
                    ended, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                    done += sum(future.result() for future in ended)
                    if time.monotonic() - told >= 1:
                        self.progress(done)
                        told = time.monotonic()
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        self.progress(done)

    def _pieces(self, missing: Sequence[Gap]) -> Iterator[Piece]:
        for gap in missing:
            if not 0 <= gap.file < len(self.manifest.files):
                raise CallError("The other server asks for a file that the package does not have.", Kind.PERMANENT)
            file = self.manifest.files[gap.file]
            if not 0 <= gap.first <= gap.last < len(file.parts):
                raise CallError("The other server asks for a part that a file does not have.", Kind.PERMANENT)
            for number in range(gap.first, gap.last + 1):
                yield Piece(file, number, *parts.span(number, file.size, file.part_size))

    def _carry(self, load: Sequence[Piece]) -> int:
        """Send a load and return its bytes."""
        if len(load) == 1 and load[0].length > wire.SMALL:
            self._try(lambda: self._part(load[0]))
        else:
            items = [
                Item(
                    piece.file.number, piece.number, piece.file.parts[piece.number].digest, b"".join(self._body(piece))
                )
                for piece in load
            ]
            self._try(lambda: self.far.bundle(items))
        return sum(piece.length for piece in load)

    def _part(self, piece: Piece) -> None:
        self.far.part(
            piece.file.number,
            piece.number,
            algorithm=piece.file.algorithm,
            digest=piece.file.parts[piece.number].digest,
            length=piece.length,
            body=self._body(piece),
        )

    def _body(self, piece: Piece) -> Iterator[bytes]:
        for data in self.read(piece.file.number, piece.offset, piece.length):
            self._go_on()
            yield data

    def _try(self, call: Callable[[], T]) -> T:
        """Make a call, and make it again after a short pause when that is likely to help."""
        for pause in self.pauses:
            self._go_on()
            try:
                return call()
            except CallError as error:
                if not _is_blip(error):
                    raise
            if self._stopped.wait(pause):
                raise Abandoned
        self._go_on()
        return call()

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise Abandoned
        self.check()


def _loads(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield what travels in one call each: a large part, or as many small ones as a bundle takes."""
    bundle: list[Piece] = []
    size = 0
    for piece in pieces:
        if piece.length > wire.SMALL:
            yield [piece]
            continue
        if len(bundle) == wire.BUNDLE_PARTS or size + piece.length > wire.BUNDLE_BYTES:
            yield bundle
            bundle, size = [], 0
        bundle.append(piece)
        size += piece.length
    if bundle:
        yield bundle


def _is_blip(error: CallError) -> bool:
    """Whether the same call may well succeed in a moment: a broken line, a damaged part, a part held by another."""
    return isinstance(error, Broken) or (isinstance(error, Refused) and error.code in {"digest", "locked"})
