"""The course of one relay: offer, manifest, parts, commit. No database, no clock but for pauses, no network of its own.

It goes on from whatever the far side has. Several calls are under way at a time, each read from the store as it is
sent, so that memory never holds more than a piece of each; small parts travel in bundles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

from posthouse.cluster.errors import Broken, CallError, Kind, Refused
from posthouse.packages import manifest as manifests
from posthouse.packages.manifest import Manifest
from posthouse.relays import wire
from posthouse.relays.far import Far
from posthouse.relays.stretches import OutOfBounds, Stretch, Stretches
from posthouse.relays.wire import Gap, Item, Standing
from posthouse.store import digests

T = TypeVar("T")

CALLS = 128
"""Calls that are under way at once, at most; how many there really are is the far side's pace."""
MEMORY = 32 * 1024 * 1024
"""Bytes that all bundles under way hold at most, and the one that went past it: each is in memory twice."""
ROUNDS = 3
"""How often the far side may find something missing at the commit before that counts as a failure."""
PAUSES = (0.5, 2.0, 5.0)
"""Seconds between the tries of one call: for a blip of the line, or a part that another connection still holds."""


class Abandoned(Exception):
    """Another stream of the same relay failed; this one stopped because of it."""


class StillMissing(CallError):
    """The other server does not have what it had acknowledged: what it was sent is not what the manifest says."""

    def __init__(self, missing: Sequence[Gap]) -> None:
        super().__init__("The other server still misses parts that it had acknowledged. It will be tried again.")
        self.missing = missing


Read = Callable[[int, int, int], Iterator[bytes]]
"""Yields bytes of a file, by its number: from an offset on, so many."""


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
                self.bring(standing)
            self.check()
            standing = self._try(self.far.commit)
        if standing.state != wire.COMMITTED:
            raise StillMissing(standing.missing)
        self.progress(self.manifest.size)

    def bring(self, standing: Standing, more: Callable[[], Standing | None] | None = None) -> None:
        """Send what is missing, and nothing else.

        When all of it is under way, `more` is asked for what has come to be there meanwhile; it may give this object
        another manifest and another way to read, which go further. It is asked often, and answers None for nothing.
        """
        stretches = self._stretches(standing)
        done = self.manifest.carried - stretches.left
        self.progress(done)
        running: dict[Future[int], int] = {}
        """The calls under way, and the bytes that each holds in memory."""
        told = time.monotonic()
        pace = self.far.pace
        pace.begin()
        with ThreadPoolExecutor(CALLS, "relay") as pool:
            try:
                while True:
                    while len(running) < min(pace.calls(), CALLS) and sum(running.values()) < MEMORY:
                        load = stretches.take(pace.stretch(stretches.left))
                        if not load:
                            break
                        held = sum(one.length for one in load) if _is_bundle(load) else 0
                        running[pool.submit(self._carry, load)] = held
                    if more and not stretches.left and (came := more()):
                        stretches = self._stretches(came)
                        continue
                    if not running:
                        break
                    ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in ended:
                        del running[future]
                        done += future.result()
                    pace.look()
                    if time.monotonic() - told >= 1:
                        self.progress(done)
                        told = time.monotonic()
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        self.progress(done)

    def _stretches(self, standing: Standing) -> Stretches:
        try:
            return Stretches(self.manifest, standing.missing, standing.begun)
        except OutOfBounds as error:
            raise CallError(str(error), Kind.PERMANENT) from error

    def _carry(self, load: Sequence[Stretch]) -> int:
        """Send a load and return its bytes."""
        first = load[0]
        if not _is_bundle(load):
            self._try(lambda: self._part(first) if first.whole else self._stretch(first))
        else:
            items = [Item(one.file.number, one.part, self._digest(one), b"".join(self._body(one))) for one in load]
            self._try(lambda: self.far.bundle(items))
        return sum(stretch.length for stretch in load)

    def _part(self, part: Stretch) -> None:
        self.far.part(
            part.file.number,
            part.part,
            algorithm=part.file.algorithm,
            digest=self._digest(part),
            length=part.length,
            body=self._body(part),
        )

    def _stretch(self, stretch: Stretch) -> None:
        hasher = digests.new(stretch.file.algorithm)
        for data in self._body(stretch):
            hasher.update(data)
        self.far.stretch(
            stretch.file.number,
            stretch.part,
            stretch.start,
            algorithm=stretch.file.algorithm,
            digest=hasher.digest(),
            part_digest=self._digest(stretch),
            length=stretch.length,
            body=self._body(stretch),
        )

    def _digest(self, stretch: Stretch) -> bytes:
        return stretch.file.parts[stretch.part].digest

    def _body(self, stretch: Stretch) -> Iterator[bytes]:
        for data in self.read(stretch.file.number, stretch.offset, stretch.length):
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


def _is_bundle(load: Sequence[Stretch]) -> bool:
    return len(load) > 1 or (load[0].whole and load[0].length <= wire.SMALL)


def _is_blip(error: CallError) -> bool:
    """Whether the same call may well succeed in a moment: a broken line, a damaged part, a part held by another."""
    return isinstance(error, Broken) or (isinstance(error, Refused) and error.code in {"digest", "locked"})
