"""Every way in which the data plane refuses a request, with its HTTP status and its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from posthouse.store.errors import BlobMissing, PartBusy, StoreError, StoreFull


class Refused(Exception):
    """The request cannot be carried out."""

    status: ClassVar[int] = 400

    def __init__(self, sentence: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence or self.__doc__)
        self.headers = dict(headers or {})


class BadRequest(Refused):
    """The request cannot be understood."""


class NoRight(Refused):
    """This needs the right to upload, as "Authorization: Bearer …"."""

    status = 401

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class NotLoggedIn(Refused):
    """Log in to fetch this."""

    status = 401

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Cookie"})


class RightEnded(Refused):
    """This right to upload is not good, or not any more. Open the package's page to get a new one."""

    status = 403


class Forbidden(Refused):
    """You may not do this."""

    status = 403


class NotFound(Refused):
    """There is no such thing here."""

    status = 404


class NotAllowed(Refused):
    """This method does not fit here."""

    status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__(headers={"Allow": allowed})


class TimedOut(Refused):
    """No byte came for too long. What arrived is kept; go on from the offset that HEAD tells."""

    status = 408


class Conflict(Refused):
    """This does not fit what is there."""

    status = 409


class Gone(Refused):
    """This upload was given up, because it made no progress for too long. Start the file again."""

    status = 410


class TusVersion(Refused):
    """This server speaks tus 1.0.0; say so in the header Tus-Resumable."""

    status = 412

    def __init__(self) -> None:
        super().__init__(headers={"Tus-Version": "1.0.0"})


class TooLong(Refused):
    """These are more bytes than the file has."""

    status = 413


class WrongType(Refused):
    """Bytes of a file are sent as Content-Type: application/offset+octet-stream."""

    status = 415


class Sealed(Refused):
    """The files are encrypted, so no server can make a zip file of them. Open the package's page to decrypt them."""

    status = 409


class RangeNotThere(Refused):
    """There are no such bytes."""

    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"There are only {size} bytes.", {"Content-Range": f"bytes */{size}"})


class Busy(Refused):
    """Another connection is sending this file and did not let go. Try again in a few seconds."""

    status = 423


class TakenOver(Refused):
    """Another connection went on with this file. What arrived here is kept."""

    status = 423


class ChecksumDiffers(Refused):
    """The bytes are not the ones that were sent. None of them was kept; send them again."""

    status = 460


class Broken(Refused):
    """The store cannot do this now."""

    status = 500


class Full(Refused):
    """The store has no room left."""

    status = 507


def of_store(error: StoreError) -> Refused:
    """Return how the data plane says that the store cannot."""
    if isinstance(error, StoreFull):
        return Full(str(error))
    if isinstance(error, BlobMissing):
        return Gone(str(error))
    if isinstance(error, PartBusy):
        return Busy()
    return Broken(str(error))
