"""Taking bundles of small files: one trip to the disk and one to the database for all of them.

A file that came so has no upload of its own. What a bundle looks like, and its answer: see posthouse.lib.bundles.
"""

from __future__ import annotations

import json
from uuid import UUID

from django.db import transaction

from posthouse.lib import bundles
from posthouse.lib.asgi import Send
from posthouse.lib.bundles import Item
from posthouse.lib.threads import in_thread
from posthouse.packages import lifecycle, packing
from posthouse.packages.models import File
from posthouse.store import packs
from posthouse.store.errors import StoreError
from posthouse.transfers import making, tus, whole
from posthouse.transfers.body import Disconnected
from posthouse.transfers.errors import (
    BadRequest,
    Conflict,
    NoRight,
    NotAllowed,
    NotFound,
    Refused,
    RightEnded,
    TooLong,
    of_store,
)
from posthouse.transfers.http import Request, answer, refuse
from posthouse.transfers.making import Claim

BEGUN = "Its upload has begun; go on with that."


async def serve(request: Request, send: Send) -> None:
    """Answer a request to bundles."""
    try:
        await _take(request, send)
    except Refused as error:
        await refuse(send, error, head=request.method == "HEAD")
    except Disconnected:
        pass  # nobody is there to be answered


async def _take(request: Request, send: Send) -> None:
    if request.method != "POST":
        raise NotAllowed("POST")
    if request.bearer is None:
        raise NoRight
    claim = Claim(request.bearer, request.address)
    checksum = tus.checksum(request.headers.get("upload-checksum"))
    size = request.number("Content-Length")
    if size is None:
        raise BadRequest("Content-Length is missing: the bytes of the whole bundle.")
    if size > bundles.LIMIT:
        raise TooLong(f"A bundle has at most {bundles.LIMIT} bytes.")
    bundle = await whole.read(request, claim, size, checksum)
    here = await in_thread(_unpacked, claim, bundle)
    document = {
        "here": [str(file) for file, there in here.items() if there],
        "others": [[str(file), BEGUN] for file, there in here.items() if not there],
    }
    await answer(send, 200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _unpacked(claim: Claim, bundle: bytes) -> dict[UUID, bool]:
    try:
        items = bundles.unpack(bundle)
    except bundles.BadBundle as error:
        raise BadRequest(str(error)) from error
    return take(claim, items)


def take(claim: Claim, items: list[Item]) -> dict[UUID, bool]:
    """Take the files of a bundle, all in one transaction; return of each whether it is in the store now.

    What is there already, or has an upload of its own, is left as it is: said again it changes nothing. Blocks.
    Raises Refused; then nothing was taken.
    """
    package = making.package_of(claim, ended=True)
    files = File.objects.filter(package=package, pk__in=[item.file for item in items]).order_by()
    known = {pk: more for pk, *more in files.values_list("pk", "size", "blob", "upload")}
    for item in items:
        if item.file not in known:
            raise NotFound(f"This package has no file {item.file}.")
        if known[item.file][0] != len(item.data):
            raise Conflict(
                f"The file {item.file} was announced with {known[item.file][0]} bytes, not {len(item.data)}."
            )
    here = {item.file: known[item.file][1] is not None for item in items}  # in their order, whoever asks
    wanted = [item for item in items if known[item.file][1:] == [None, None]]
    if wanted:
        making.package_of(claim)
        try:
            taken = _store(package.pk, wanted)
        except StoreError as error:
            raise of_store(error) from error
        here |= dict.fromkeys(taken, True)
        if others := [item.file for item in wanted if item.file not in taken]:
            # They came, or were begun, by another connection meanwhile.
            here |= dict.fromkeys(files.filter(pk__in=others).exclude(blob=None).values_list("pk", flat=True), True)
    return here


def _store(package: UUID, items: list[Item]) -> set[UUID]:
    with packs.room(package, [item.data for item in items]) as spots, transaction.atomic():
        pack = spots[0].pack
        packs.record(pack)
        taken = lifecycle.files_arrived(package, {item.file: spot for item, spot in zip(items, spots, strict=True)})
        if taken is None:
            raise RightEnded("This package takes no more files.")
        if not taken:
            transaction.set_rollback(True)  # else the pack would be on record, and nothing in it
    if pack.over:
        packing.seal(package, pack.id)
    return taken
