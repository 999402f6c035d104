"""The tus server: what each method does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db import transaction

from posthouse.lib.asgi import Send
from posthouse.lib.threads import in_thread
from posthouse.store import packs
from posthouse.transfers import expiry, intake, leases, making, tus, whole
from posthouse.transfers.body import Body, Disconnected
from posthouse.transfers.errors import (
    Busy,
    Conflict,
    NoRight,
    NotAllowed,
    NotFound,
    Refused,
    TooLong,
    TusVersion,
    WrongType,
)
from posthouse.transfers.http import Request, answer, identity, refuse
from posthouse.transfers.making import Claim
from posthouse.transfers.models import Upload

TUS = {"Tus-Resumable": tus.VERSION}


async def serve(request: Request, name: str, send: Send) -> None:
    """Answer a request to uploads/`name`; an empty name is the place where uploads are made."""
    method = request.method
    if method == "POST":
        method = request.headers.get("x-http-method-override", method).upper()
    try:
        await _dispatch(request, method, name, send)
    except Refused as error:
        await refuse(send, error, TUS, head=method == "HEAD")
    except Disconnected:
        pass  # nobody is there to be answered


async def _dispatch(request: Request, method: str, name: str, send: Send) -> None:
    if method == "OPTIONS":
        await answer(send, 204, tus.DISCOVERY)
        return
    steps = {"HEAD": _tell, "PATCH": _go_on, "DELETE": _end} if name else {"POST": _create}
    if method not in steps:
        raise NotAllowed(", ".join(["OPTIONS", *steps]))
    if request.headers.get("tus-resumable") != tus.VERSION:
        raise TusVersion
    await steps[method](request, name, send)


async def _create(request: Request, name: str, send: Send) -> None:  # noqa: ARG001 - as all steps
    claim = _claim(request)
    wanted = tus.creation(request.headers, request.number("Upload-Length"))
    checksum = tus.checksum(request.headers.get("upload-checksum"))
    bytes_follow = request.headers.get("content-type") == tus.BODY_TYPE and request.number("Content-Length") != 0
    data = None
    if bytes_follow and 0 < wanted.length <= packs.MOST and request.number("Content-Length") == wanted.length:
        data = await whole.read(request, claim, wanted.length, checksum)
    upload = await in_thread(making.make, claim, wanted, data)
    if bytes_follow and data is None:
        # Standing elsewhere, it was made by an earlier try whose answer was lost: the client learns how far it is.
        if upload.offset == 0:
            with suppress(Conflict):
                await _take(request, upload, 0, checksum)
        upload = await in_thread(making.find, claim, upload.id, ended=True)
    headers = {**TUS, "Location": f"{settings.POSTHOUSE.prefix}/transfers/uploads/{upload.id}"}
    await answer(send, 201, {**headers, **_state(upload)})


async def _tell(request: Request, name: str, send: Send) -> None:
    upload = await _quiet(_claim(request), identity(name))
    headers = {**TUS, **_state(upload), "Upload-Length": str(upload.file.size)}
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    await answer(send, 200, headers)


async def _go_on(request: Request, name: str, send: Send) -> None:
    claim = _claim(request)
    if request.headers.get("content-type") != tus.BODY_TYPE:
        raise WrongType
    offset = request.number("Upload-Offset")
    if offset is None:
        raise Conflict("Upload-Offset is missing: the offset from which the bytes go on.")
    checksum = tus.checksum(request.headers.get("upload-checksum"))
    upload = await in_thread(making.find, claim, identity(name))
    await _take(request, upload, offset, checksum)
    upload = await in_thread(making.find, claim, upload.id, ended=True)
    await answer(send, 204, {**TUS, **_state(upload)})


async def _end(request: Request, name: str, send: Send) -> None:
    upload = await in_thread(making.find, _claim(request), identity(name))
    lease = await leases.acquire(upload.id)
    await in_thread(_remove, lease)
    await answer(send, 204, TUS)


async def _take(request: Request, upload: Upload, offset: int, checksum: tus.Checksum | None) -> None:
    """Take the request's body into the upload, from `offset` on, which must be where it stands."""
    declared = request.number("Content-Length")
    if declared is not None and offset + declared > upload.file.size:
        raise TooLong
    lease = await leases.acquire(upload.id)
    try:
        # Anew: it may have gone on while we waited for the lease.
        upload = await in_thread(Upload.objects.select_related("file", "blob").get, id=upload.id)
        if upload.offset != offset:
            raise Conflict(f"The upload stands at offset {upload.offset}, not at {offset}.")
        if upload.whole:
            await in_thread(lease.release)
            return  # nothing is to come any more
    except BaseException:
        await in_thread(lease.release)
        raise
    await intake.take(upload, lease, Body(request.receive, declared), checksum)


async def _quiet(claim: Claim, upload_id: UUID) -> Upload:
    """Return the upload once nobody writes to it: only then its offset stays true. Raises Refused."""
    end = asyncio.get_running_loop().time() + leases.PATIENCE_SECONDS
    while True:
        upload = await in_thread(making.find, claim, upload_id, ended=True)
        if not await in_thread(leases.ask_to_let_go, upload):
            return upload
        if asyncio.get_running_loop().time() >= end:
            raise Busy
        await asyncio.sleep(leases.LOOK_SECONDS)


def _claim(request: Request) -> Claim:
    if request.bearer is None:
        raise NoRight
    return Claim(request.bearer, request.address)


def _remove(lease: leases.Lease) -> None:
    """End an upload and remove its bytes. Blocks."""
    try:
        with transaction.atomic():
            upload = Upload.objects.select_related("file").get(id=lease.upload)
            if upload.file.blob_id:
                raise Conflict("This file has arrived already; it stays in its package.")
            lease.renew()
            expiry.remove(upload)
    except leases.LostLease:
        raise NotFound from None
    finally:
        lease.release()


def _state(upload: Upload) -> dict[str, str]:
    state = {"Upload-Offset": str(upload.offset)}
    if not upload.whole:
        state["Upload-Expires"] = tus.expires(upload.expires_at)
    return state
