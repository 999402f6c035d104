"""Files of an arriving package whose bytes are here already: they need not travel.

Whose bytes: only those of packages that came from the calling server, or that went to it completely. It has had them in
its hands, so that it learns nothing about bytes it does not have; whoever names the digest of somebody else's file is
not told whether that file is here. What it does learn is that a package which it sent, or was sent, still lies here.

Nothing is taken on trust: the bytes are read and compared with the digests of the manifest, and then the file gets a
second name on the disk (a hard link). It is complete from that moment on, so nobody ever writes to it again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.packages.manifest import Manifest
from posthouse.packages.manifest_files import ManifestBlob
from posthouse.packages.models import File, Package
from posthouse.relays import fences
from posthouse.relays.models import Arrival, Relay
from posthouse.store import blobs, digests, disk, locks, many, parts
from posthouse.store.errors import BlobMissing, StoreError
from posthouse.store.models import Blob
from posthouse.store.records import Piece

LEAST = 256 * 1024
"""Smaller files travel: to look for each of them costs as much."""
BATCH = 200
LOCK_SECONDS = 0.2
BUDGET_SECONDS = 30.0
"""The sender waits meanwhile. What was not compared by then travels."""

log = structlog.get_logger("posthouse.relays")


def bring(arrival: Arrival, manifest: Manifest, made: Mapping[int, Blob], lives: float = BUDGET_SECONDS) -> int:
    """Complete the blobs whose bytes are here; return how many. `made` are those of the manifest, by number.

    Raises Refusal when the sender was overtaken.
    """
    end = time.monotonic() + lives
    wanted = [blob for blob in manifest.blobs if blob.size >= LEAST]
    found = 0
    for at in range(0, len(wanted), BATCH):
        batch = wanted[at : at + BATCH]
        twins = _twins(arrival.source, batch)
        for file in batch:
            twin = twins.get((file.algorithm, file.digest, file.size))
            if time.monotonic() > end:
                return found
            if twin is not None and _is(twin, file):
                found += _adopt(arrival, file, made[file.number], twin)
    if found:
        log.info("bytes were here already", relay=str(arrival.pk), source=arrival.source.name, files=found)
    return found


def _twins(source: Server, files: Sequence[ManifestBlob]) -> dict[tuple[str, bytes, int], Blob]:
    """Return complete blobs with these digests that the server has had in its hands."""
    went = Relay.objects.filter(destination=source, state=State.DONE).values("package")
    its = Package.objects.filter(Q(origin=source) | Q(pk__in=went), freed_at=None)
    theirs = Exists(File.objects.filter(blob=OuterRef("pk"), package__in=its))
    digests_of_files = [file.digest for file in files]
    same = Blob.objects.filter(theirs, digest__in=digests_of_files, state=Blob.State.COMPLETE)
    return {(blob.algorithm, bytes(blob.digest), blob.size): blob for blob in same}


def _is(blob: Blob, file: ManifestBlob) -> bool:
    """Whether the bytes on the disk are really those of the file."""
    try:
        for number, part in enumerate(file.parts):
            offset, length = parts.span(number, file.size, file.part_size)
            hasher = digests.new(file.algorithm)
            for data in blobs.read(blob, offset, length):
                hasher.update(data)
            if hasher.digest() != part.digest:
                log.error("bytes at rest are damaged", blob=str(blob.pk), part=number)
                return False
    except StoreError as error:
        log.error("bytes at rest cannot be read", blob=str(blob.pk), error=str(error))
        return False
    return True


def _adopt(arrival: Arrival, file: ManifestBlob, blob: Blob, twin: Blob) -> bool:
    """Let a blob be what its twin is, unless somebody is sending parts of it.

    Until that is recorded nobody may write a part, neither to the blob's own file nor to the twin's: a file of two
    names of which nothing is recorded would be taken for a broken attempt, and replaced by an empty one.
    """
    with ExitStack() as held:
        try:
            for name in (blob.id, twin.id):
                with suppress(BlobMissing):  # a small file is made when its bytes come
                    opened = held.enter_context(disk.closing(blobs.local().open(name, write=True)))
                    locks.hold(opened, 0, file.size, LOCK_SECONDS)
            blobs.local().link(twin.id, blob.id)
        except StoreError as error:
            log.info("bytes could not be linked", blob=str(twin.pk), error=str(error))  # another file system, perhaps
            return False
        return _record(arrival, file, blob)


def _record(arrival: Arrival, file: ManifestBlob, blob: Blob) -> bool:
    pieces = [
        Piece(number, parts.span(number, file.size, file.part_size)[1], part.digest, part.crc32)
        for number, part in enumerate(file.parts)
    ]
    recorded: dict[UUID, list[Piece]] = {blob.id: pieces}
    with transaction.atomic():
        fences.progress(arrival)
        many.record(recorded)
        return bool(Blob.objects.filter(pk=blob.pk, state=Blob.State.ARRIVING).update(state=Blob.State.COMPLETE))
