"""Reading a request's body, and every way in which it can end too early."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from posthouse.lib.asgi import Receive

ENOUGH = 1024 * 1024
"""Bytes worth a trip to a thread: many small writes cost much more than few large ones."""
MOST = 4 * ENOUGH
"""Bytes that wait in memory at most (and the piece that was on its way), while the disk is busy."""


class BodyEnded(Exception):
    """The body ended before its end. What came before is good."""


class Disconnected(BodyEnded):
    """The client has gone: the line was cut, or the person left."""


class CutShort(BodyEnded):
    """The server took the body for whole, but it is shorter than it was declared."""


class Body:
    """The bytes of a request.

    While this is entered, a task receives them, so that the next ones come in while those before are written; it
    never throws away a byte that came. Only as much as MOST is received ahead.
    """

    def __init__(self, receive: Receive, declared: int | None) -> None:
        """`declared` is the Content-Length in bytes; None when the client does not tell."""
        self._receive = receive
        self._declared = declared
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._idle_since: float | None = None
        self._whole = declared == 0
        self._failure: BodyEnded | None = None
        self.received = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._pump())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (fault := self._task.exception()):
            raise fault

    async def take(self, patience: float) -> list[bytes]:
        """Return the next pieces: ENOUGH bytes, or what came within `patience` seconds, which may be nothing.

        Raises BodyEnded when the body has ended too early, after all that came was taken.
        """
        try:
            async with asyncio.timeout(patience):
                await self._ready.wait()
        except TimeoutError:
            pass
        pieces, self._pieces, self._waiting = self._pieces, [], 0
        if not self._task.done():
            self._ready.clear()
        self._room.set()
        if not pieces and self._failure:
            raise self._failure
        return pieces

    def interrupt(self) -> None:
        """Let `take` return at once."""
        self._ready.set()

    @property
    def whole(self) -> bool:
        """Whether all of it came and was taken."""
        return self._whole and not self._pieces

    def idle(self) -> float:
        """Return for how many seconds no byte has come though we waited for one: slow is not stalled."""
        return 0.0 if self._idle_since is None else asyncio.get_running_loop().time() - self._idle_since

    async def _pump(self) -> None:
        try:
            while not self._whole and not self._failure:
                await self._step()
                while self._waiting >= MOST:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._ready.set()

    async def _step(self) -> None:
        if self._idle_since is None:
            self._idle_since = asyncio.get_running_loop().time()
        event = await self._receive()
        if event["type"] == "http.disconnect":
            self._failure = Disconnected()
            return
        piece: bytes = event.get("body", b"")
        if piece:
            self._idle_since = None
            self._pieces.append(piece)
            self._waiting += len(piece)
            self.received += len(piece)
        if not event.get("more_body", False):
            self._idle_since = None
            if self._declared is not None and self.received < self._declared:
                self._failure = CutShort()
            else:
                self._whole = True
        elif self._waiting >= ENOUGH:
            self._ready.set()
