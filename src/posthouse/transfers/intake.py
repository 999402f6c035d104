"""Taking the bytes of one request into an upload.

Three things run side by side: the body comes in, what came is digested and written, and the keeper makes it durable,
moves the offset in the database about once a second and soon after a part is full, and watches the lease. The offset
says only what is safely on the disk, so whatever happens here, the client can go on from it.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from contextlib import suppress

from django.db import transaction

from posthouse.lib.threads import in_thread
from posthouse.packages import lifecycle
from posthouse.store import blobs, records
from posthouse.store.errors import StoreError
from posthouse.transfers.body import Body, BodyEnded, Disconnected
from posthouse.transfers.errors import (
    BadRequest,
    ChecksumDiffers,
    Refused,
    RightEnded,
    TakenOver,
    TimedOut,
    TooLong,
    of_store,
)
from posthouse.transfers.leases import Lease, LostLease
from posthouse.transfers.models import Upload
from posthouse.transfers.sink import Sink
from posthouse.transfers.tus import Checksum

LOOK_SECONDS = 0.5
SAVE_SECONDS = 1.0
PART_SECONDS = 0.25
"""How soon full parts are saved: on a fast line a few at once, for each saving costs a sync and a commit."""
RENEW_SECONDS = 2.0
STALLED_SECONDS = 60.0
"""How long no byte may come before the connection is given up. The upload itself lives on."""


async def take(upload: Upload, lease: Lease, body: Body, checksum: Checksum | None = None) -> int:
    """Take the whole body into the upload, from its offset on; return the new offset. The lease is given back.

    Raises Disconnected when there is nobody left to answer, and Refused; either way what came is kept, unless a
    checksum was announced, which nobody can compare then.
    """
    sink: Sink | None = None
    try:
        sink = await in_thread(Sink, upload.blob, upload.offset)
        return await _Intake(upload, lease, body, sink, checksum).run()
    except StoreError as error:
        raise of_store(error) from error
    except LostLease as error:
        raise TakenOver from error
    finally:
        await asyncio.shield(in_thread(_end, sink, lease))


def _end(sink: Sink | None, lease: Lease) -> None:
    if sink:
        sink.close()
    lease.release()


class _Intake:
    """One request's bytes on their way into an upload."""

    def __init__(self, upload: Upload, lease: Lease, body: Body, sink: Sink, checksum: Checksum | None) -> None:
        self.upload = upload
        self.lease = lease
        self.body = body
        self.sink = sink
        self._checksum = checksum
        self._hasher = checksum.hasher() if checksum else None
        self._kick = asyncio.Event()
        self._closing = False
        self._renewed = self._saved = time.monotonic()

    async def run(self) -> int:
        try:
            await self._receive()
        except (Disconnected, Refused, StoreError) as problem:
            if not self._checksum and not isinstance(problem, TooLong):
                with suppress(StoreError, LostLease):  # the problem is the news; the offset stays where it was
                    await in_thread(self._save)
            raise
        return await in_thread(self._finish)

    async def _receive(self) -> None:
        async with self.body:
            keeper = asyncio.create_task(self._keep())
            try:
                while not self.body.whole and not keeper.done():
                    await self._next()
            finally:
                # Its thread may be at work on the same files: it is asked to end, never cancelled.
                self._closing = True
                self._kick.set()
                await keeper

    async def _next(self) -> None:
        try:
            pieces = await self.body.take(LOOK_SECONDS)
        except Disconnected:
            raise
        except BodyEnded as error:
            raise BadRequest("The request has fewer bytes than its Content-Length. What arrived is kept.") from error
        if pieces:
            if self.sink.position + sum(map(len, pieces)) > self.upload.blob.size:
                raise TooLong
            # Shielded, and waited for: the thread must be done with the files before anybody else touches them.
            writing = asyncio.ensure_future(in_thread(self._write, pieces))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])
                raise
            if self._part_is_due():
                self._kick.set()
        elif self.body.idle() > STALLED_SECONDS:
            raise TimedOut

    def _write(self, pieces: list[bytes]) -> None:
        self.sink.write(pieces)
        if self._hasher:
            for piece in pieces:
                self._hasher.update(piece)

    async def _keep(self) -> None:
        """Save progress and watch the lease, until closing. Raises TakenOver, LostLease, StoreError."""
        try:
            while not self._closing:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._kick.wait()
                self._kick.clear()
                if not self._closing and await in_thread(self._look):
                    raise TakenOver
        finally:
            self.body.interrupt()

    def _look(self) -> bool:
        """Do what is due; return whether a newcomer asks to let go."""
        now = time.monotonic()
        due = self._part_is_due() or now - self._saved >= SAVE_SECONDS
        if due and self.sink.durable < self.sink.position:
            self._saved = now
            return self._save()
        if now - self._renewed >= RENEW_SECONDS:
            self._renewed = now
            return self.lease.renew()
        return self.lease.asked_to_let_go()

    def _part_is_due(self) -> bool:
        return self.sink.part_is_full and time.monotonic() - self._saved >= PART_SECONDS

    def _save(self) -> bool:
        """Make durable what came and move the offset; return whether a newcomer asks to let go."""
        offset, pieces = self.sink.settle()
        self._renewed = time.monotonic()
        # What has no proof yet must not be acknowledged. Nor the file's last byte before it is certain that no more
        # follow: it counts together with the file's arrival, so that nobody finds all bytes and no file.
        if self._checksum or offset == self.upload.blob.size:
            return self.lease.renew()
        with transaction.atomic():
            asked = self.lease.progress(offset)
            records.record(self.upload.blob_id, pieces)
        self.sink.recorded(pieces)
        return asked

    def _finish(self) -> int:
        """Save the end of the body; if it is the end of the file too, the file has arrived."""
        if self._checksum and self._hasher and not hmac.compare_digest(self._hasher.digest(), self._checksum.expected):
            raise ChecksumDiffers
        offset, pieces = self.sink.settle()
        with transaction.atomic():
            # First the lease's row: from here to the commit nobody can take it over.
            self.lease.progress(offset)
            records.record(self.upload.blob_id, pieces)
            if offset == self.upload.blob.size:
                blob = blobs.complete(self.upload.blob)
                if not lifecycle.file_arrived(self.upload.file, blob):
                    raise RightEnded("This package takes no more files.")
            self.lease.release()  # here too: one commit less, which is what a small file costs
        return offset
