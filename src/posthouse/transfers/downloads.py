"""Downloads: one file, or all files of a package as a zip file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from posthouse.accounts import permissions
from posthouse.accounts.sessions import user_for_cookie
from posthouse.lib.asgi import Send
from posthouse.lib.threads import in_thread
from posthouse.outside import visits
from posthouse.packages import access, contents, selection
from posthouse.packages.models import Download, File, Package
from posthouse.transfers import ranges
from posthouse.transfers.errors import (
    BadRequest,
    Forbidden,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    RangeNotThere,
    Refused,
    Sealed,
)
from posthouse.transfers.http import Request, answer, encode, identity, refuse
from posthouse.transfers.outflow import Outflow
from posthouse.transfers.zips import Layout, Member

ALL, SOME = "all.zip", "some.zip"


@dataclass(frozen=True)
class Thing:
    """What can be downloaded."""

    name: str
    media_type: str
    size: int
    etag: str
    file: File | None
    layout: Layout | None
    files: list[File]

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield `length` of its bytes from `start` on. Raises StoreError."""
        if self.file:
            yield from self.file.read(start, length)
        elif self.layout:
            for segment in self.layout.segments(start, length):
                if isinstance(segment, bytes):
                    yield segment
                else:
                    yield from self.files[segment.member].read(segment.start, segment.length)


async def serve(request: Request, package: str, name: str, send: Send) -> None:
    """Answer a request for a file's id, for all.zip, or for some.zip with the numbers of those that are chosen."""
    head = request.method == "HEAD"
    try:
        if request.method not in {"GET", "HEAD"}:
            raise NotAllowed("GET, HEAD")
        note, thing = await in_thread(_find, request, identity(package), name)
        await _send(request, send, thing, note)
    except NotLoggedIn as error:
        if "text/html" in request.headers.get("accept", ""):  # somebody followed a link: he can log in and go on
            way = f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': request.path})}"
            await answer(send, 303, {"Location": way})
        else:
            await refuse(send, error, head=head)
    except Refused as error:
        await refuse(send, error, head=head)


async def _send(request: Request, send: Send, thing: Thing, note: Download) -> None:
    headers = {
        "ETag": thing.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",  # kept by the browser, but asked about each time: rights may end
        "Vary": "Cookie",
    }
    if ranges.matches(request.headers.get("if-none-match"), thing.etag):
        await answer(send, 304, headers)
        return
    status, span = 200, ranges.Span(0, thing.size)
    if request.method == "GET" and ranges.still_valid(request.headers.get("if-range"), thing.etag):
        try:
            asked = ranges.wanted(request.headers.get("range"), thing.size)
        except ranges.NotSatisfiable:
            raise RangeNotThere(thing.size) from None
        if asked:
            status, span = 206, asked
            headers["Content-Range"] = span.content_range(thing.size)
    headers |= {
        "Content-Type": thing.media_type,
        "Content-Length": str(span.length),
        "Content-Disposition": disposition(thing.name),
        # Whatever is in the file, no browser may run it as a page of ours.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if request.method == "HEAD":
        await send({"type": "http.response.start", "status": status, "headers": encode(headers)})
        await send({"type": "http.response.body", "body": b""})
        return
    note.file, note.address = thing.file, request.address
    note.start, note.size, note.whole = span.start, span.length, thing.size
    await Outflow(request, send, note).run(status, encode(headers), thing.read(span.start, span.length))


def disposition(name: str) -> str:
    """Return a Content-Disposition field that makes browsers save a file under this name (RFC 6266, appendix D)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%/' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _find(request: Request, package_id: UUID, name: str) -> tuple[Download, Thing]:
    """Return the note of who asks, and what for; what is not his is not there. Blocks. Raises Refused."""
    package, note = _who(request, package_id)
    files = package.files.select_related("blob")
    if name == SOME:
        return note, _some(package, list(files), request.query, note)
    if name == ALL:
        return note, _zip(package, list(files))
    file = files.filter(id=identity(name), blob__isnull=False).first()
    if file is None or file.blob is None:
        raise NotFound
    return note, Thing(
        # Whoever fetches it without decrypting it shall not take it for the file itself.
        name=file.path.rpartition("/")[2] + (".encrypted" if package.encrypted else ""),
        media_type="application/octet-stream",
        size=file.size,
        etag=f'"{file.digest.hex()}"',
        file=file,
        layout=None,
        files=[file],
    )


def _who(request: Request, package_id: UUID) -> tuple[Package, Download]:
    """Return a package that whoever asks may fetch: with his session, or with a link for people outside."""
    cookie = request.headers.get("cookie", "")
    user = user_for_cookie(cookie, request.address)
    package = access.may_fetch(user, package_id) if user else None
    if user is not None and package is not None:
        if package.sender_id != user.pk and not permissions.may(user, permissions.DOWNLOAD):
            raise Forbidden(permissions.DOWNLOAD.refusal)
        return package, Download(package=package, user=user, delivery=access.delivery(user, package_id))
    delivery = visits.delivery(cookie, package_id)
    if delivery is not None:
        return delivery.package, Download(package=delivery.package, delivery=delivery)
    raise NotLoggedIn if user is None else NotFound


def _some(package: Package, files: list[File], query: str, note: Download) -> Thing:
    try:
        numbers = selection.parse(query)
    except selection.NoSelection as error:
        raise BadRequest(str(error)) from error
    wanted = set(numbers)
    chosen = [file for file in files if file.number in wanted]
    if len(chosen) < len(wanted):
        raise NotFound
    note.chosen = selection.text(numbers)
    return _zip(package, chosen)


def _zip(package: Package, files: list[File]) -> Thing:
    if package.encrypted:
        raise Sealed
    moment = package.closed_at or package.created_at
    members = [Member(file.path, file.size, file.crc32, moment) for file in files if file.blob]
    if len(members) < len(files):
        raise NotFound
    layout = Layout(members)
    digest = sha256(f"{package.pk} {layout.size}".encode())
    for file in files:
        digest.update(file.path.encode() + b"\0" + file.digest)
    return Thing(
        name=contents.zip_name(package),
        media_type="application/zip",
        size=layout.size,
        etag=f'"{digest.hexdigest()}"',
        file=None,
        layout=layout,
        files=files,
    )
