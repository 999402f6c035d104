"""Bodies that are taken whole or not at all: when one is cut short, nothing of it is kept."""

from __future__ import annotations

import hmac

from posthouse.lib.threads import in_thread
from posthouse.packages import rights
from posthouse.transfers import intake
from posthouse.transfers.body import Body, CutShort
from posthouse.transfers.errors import BadRequest, ChecksumDiffers, RightEnded, TimedOut, TooLong
from posthouse.transfers.http import Request
from posthouse.transfers.making import Claim
from posthouse.transfers.tus import Checksum


async def read(request: Request, claim: Claim, size: int, checksum: Checksum | None) -> bytes:
    """Return a body of `size` bytes, which is what its Content-Length says. Raises Refused and Disconnected."""
    if rights.package_id(claim.right) is None:
        raise RightEnded  # before anything is held for somebody who has no right at all
    pieces: list[bytes] = []
    body = Body(request.receive, size)
    async with body:
        while not body.whole:
            try:
                pieces += await body.take(intake.LOOK_SECONDS)
            except CutShort as error:
                raise BadRequest("The request has fewer bytes than its Content-Length. Send it again.") from error
            if body.received > size:
                raise TooLong
            if body.idle() > intake.STALLED_SECONDS:
                raise TimedOut
    data = b"".join(pieces)
    if checksum is not None:
        await in_thread(_compare, data, checksum)
    return data


def _compare(data: bytes, checksum: Checksum) -> None:
    hasher = checksum.hasher()
    hasher.update(data)
    if not hmac.compare_digest(hasher.digest(), checksum.expected):
        raise ChecksumDiffers
