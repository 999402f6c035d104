"""The tus server: what each method does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.security import SignIn
from posthouse.lib.asgi import Send
from posthouse.lib.threads import in_thread
from posthouse.packages import rights
from posthouse.packages.models import File, Package
from posthouse.store import blobs
from posthouse.store.errors import StoreError
from posthouse.transfers import expiry, intake, leases, tus
from posthouse.transfers.body import Body, Disconnected
from posthouse.transfers.errors import (
    Busy,
    Conflict,
    Forbidden,
    Gone,
    NoRight,
    NotAllowed,
    NotFound,
    Refused,
    RightEnded,
    TooLong,
    TusVersion,
    WrongType,
    of_store,
)
from posthouse.transfers.http import Request, answer, identity, refuse
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


@dataclass(frozen=True)
class _Claim:
    """The right that a request brings, and from which IP address."""

    right: str
    address: str


async def _create(request: Request, name: str, send: Send) -> None:  # noqa: ARG001 - as all steps
    claim = _claim(request)
    wanted = tus.creation(request.headers, request.number("Upload-Length"))
    checksum = tus.checksum(request.headers.get("upload-checksum"))
    upload = await in_thread(_make, claim, wanted)
    headers = {**TUS, "Location": f"{settings.POSTHOUSE.prefix}/transfers/uploads/{upload.id}"}
    if request.headers.get("content-type") == tus.BODY_TYPE and request.number("Content-Length") != 0:
        # Standing elsewhere, it was made by an earlier try whose answer was lost: the client learns how far it is.
        if upload.offset == 0:
            with suppress(Conflict):
                await _take(request, upload, 0, checksum)
        upload = await in_thread(_find, claim, upload.id, ended=True)
    await answer(send, 201, {**headers, **_state(upload)})


async def _tell(request: Request, name: str, send: Send) -> None:
    upload = await _quiet(_claim(request), identity(name))
    headers = {**TUS, **_state(upload), "Upload-Length": str(upload.blob.size)}
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
    upload = await in_thread(_find, claim, identity(name))
    await _take(request, upload, offset, checksum)
    upload = await in_thread(_find, claim, upload.id, ended=True)
    await answer(send, 204, {**TUS, **_state(upload)})


async def _end(request: Request, name: str, send: Send) -> None:
    upload = await in_thread(_find, _claim(request), identity(name))
    lease = await leases.acquire(upload.id)
    await in_thread(_remove, lease)
    await answer(send, 204, TUS)


async def _take(request: Request, upload: Upload, offset: int, checksum: tus.Checksum | None) -> None:
    """Take the request's body into the upload, from `offset` on, which must be where it stands."""
    declared = request.number("Content-Length")
    if declared is not None and offset + declared > upload.blob.size:
        raise TooLong
    lease = await leases.acquire(upload.id)
    try:
        # Anew: it may have gone on while we waited for the lease.
        upload = await in_thread(Upload.objects.select_related("file", "blob").get, id=upload.id)
        if upload.offset != offset:
            raise Conflict(f"The upload stands at offset {upload.offset}, not at {offset}.")
    except BaseException:
        await in_thread(lease.release)
        raise
    await intake.take(upload, lease, Body(request.receive, declared), checksum)


async def _quiet(claim: _Claim, upload_id: UUID) -> Upload:
    """Return the upload once nobody writes to it: only then its offset stays true. Raises Refused."""
    end = asyncio.get_running_loop().time() + leases.PATIENCE_SECONDS
    while True:
        upload = await in_thread(_find, claim, upload_id, ended=True)
        if not await in_thread(leases.ask_to_let_go, upload):
            return upload
        if asyncio.get_running_loop().time() >= end:
            raise Busy
        await asyncio.sleep(leases.LOOK_SECONDS)


def _claim(request: Request) -> _Claim:
    if request.bearer is None:
        raise NoRight
    return _Claim(request.bearer, request.address)


def _package(claim: _Claim, *, ended: bool = False) -> Package:
    """Return the package that the right is for. `ended`: also if it takes no more files."""
    package = rights.holder(claim.right) if ended else rights.check(claim.right)
    if package is None:
        raise RightEnded
    # People outside send from wherever they are; whoever has an account, from where he may log in.
    able = package.outside_sender or SignIn.in_force().lets_in(
        claim.address, administrator=package.sender.is_administrator
    )
    if not able:
        raise Forbidden("From your network nothing may be sent. Go on from one that is allowed; nothing is lost.")
    if not ended and (complaint := EncryptionRule.in_force().complaint(encrypted=package.encrypted)):
        raise Forbidden(complaint)
    return package


def _find(claim: _Claim, upload_id: UUID, *, ended: bool = False) -> Upload:
    """Return an upload of the package that the right is for: others are not there. Blocks."""
    package = _package(claim, ended=ended)
    upload = Upload.objects.select_related("file", "blob").filter(id=upload_id, file__package=package).first()
    if upload is None:
        raise NotFound
    if upload.expires_at <= timezone.now() and upload.offset < upload.blob.size:
        raise Gone
    return upload


def _make(claim: _Claim, wanted: tus.Creation) -> Upload:
    """Return the upload of a file; asking for it again gives the same one. Blocks."""
    package = _package(claim, ended=True)
    file = File.objects.select_related("blob").filter(id=wanted.file, package=package).first()
    if file is None:
        raise NotFound("This package has no such file.")
    if file.size != wanted.length:
        raise Conflict(f"This file was announced with {file.size} bytes, not {wanted.length}.")
    expiry.remove_if_expired(file)
    upload = Upload.objects.select_related("file", "blob").filter(file=file).first()
    if upload and upload.offset == upload.blob.size:
        return upload  # it may have been the package's last file, and only the answer to its last byte was lost
    _package(claim)
    if upload:
        return upload
    try:
        # The blob of an empty file is there from the beginning.
        with transaction.atomic():
            blob = file.blob or blobs.create(file.size)
            return Upload.objects.create(
                file=file,
                blob=blob,
                offset=file.size if file.blob else 0,
                metadata=wanted.metadata,
                expires_at=leases.expiry(),
            )
    except StoreError as error:
        raise of_store(error) from error
    except IntegrityError:
        # Two made it at once, and the other one was first. Our blob's row went with the transaction, its file too.
        if not file.blob:
            blobs.local().remove(blob.id)
        return Upload.objects.select_related("file", "blob").get(file=file)


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
    if upload.offset < upload.blob.size:
        state["Upload-Expires"] = tus.expires(upload.expires_at)
    return state
