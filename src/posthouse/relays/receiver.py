"""The receiving side of a relay: what each call of the sender does here. It blocks; asgi.py calls it in threads.

Every handler may be called again with the same effect. Nothing is visible before the commit, which makes the package
and marks the arrival as committed in one transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.incoming import require_licence
from posthouse.cluster.signatures import Caller
from posthouse.lib import allocator, rows
from posthouse.packages import arrivals
from posthouse.packages import manifest as manifests
from posthouse.packages.manifest import Manifest
from posthouse.packages.manifest_files import ManifestBlob
from posthouse.packages.models import File, Package
from posthouse.packages.reading import ManifestError
from posthouse.relays import fences, known, wire
from posthouse.relays.models import Arrival, ArrivalFile, ArrivedStretch
from posthouse.relays.wire import Begun, Gap, Standing
from posthouse.store import crc, many, parts
from posthouse.store.many import Expected
from posthouse.store.models import Blob, Part

State = Arrival.State

ABANDONED_AFTER = timedelta(days=14)
LARGE = 256 * 1024
"""Bytes of a manifest of many files, some thousands: it takes many times as much memory once it is read."""

log = structlog.get_logger("posthouse.relays")


def offer(caller: Caller, relay: UUID, package: UUID) -> Standing:
    """Take note of a relay, and return how far it is here. Raises Refusal; without a licence, nothing new begins."""
    require_licence()
    fence = fences.number_of(caller)
    # It may have come by another relay, if the sender's database was set back.
    state = State.COMMITTED if package_is_here(package, caller) else State.OFFERED
    with suppress(IntegrityError), transaction.atomic():  # it was offered before
        Arrival(pk=relay, source=caller.server, package_id=package, state=state, fence=fence).save(force_insert=True)
    arrival = fences.enter(caller, relay)
    if arrival.package_id != package:
        raise Refusal(409, "This relay was offered with another package before.")
    return _standing(arrival)


def package_is_here(package: UUID, caller: Caller) -> bool:
    """Whether the caller's package is here already. Raises Refusal when another server's package has its id."""
    origin = Package.objects.filter(pk=package).values_list("origin_id", flat=True).first()
    if origin is not None and origin != caller.server.pk:
        raise Refusal(409, f"Another package has the id {package} on this server.")
    return origin is not None


def take_manifest(caller: Caller, relay: UUID, data: bytes) -> Standing:
    """Check the manifest, make room for its files, and return what is missing. Raises Refusal, StoreError."""
    arrival = fences.enter(caller, relay)
    if arrival.state != State.OFFERED:
        return _standing(arrival)
    manifest = _read(data, arrival)
    begun = blobs_of(arrival)
    changed = _as_outlined(manifest, begun)
    new = [blob for blob in manifest.blobs if blob.number not in begun]
    made = dict(zip((blob.number for blob in new), many.prepare(map(_expected, new), later=wire.SMALL), strict=True))
    taken = False
    try:
        with transaction.atomic():
            taken = fences.advance(arrival, State.OFFERED, state=State.ARRIVING, manifest=data)
            if taken:
                Blob.objects.bulk_update(changed, ["algorithm", "digest", "crc32"], batch_size=many.BATCH // 5)
                await_blobs(arrival, made)
    finally:
        if not taken:
            many.discard(made.values())
    arrival = fences.enter(caller, relay)
    if taken and not begun and not known.bring(arrival, manifest, made):
        return missing_of(arrival, made)
    return _standing(arrival)


def await_blobs(arrival: Arrival, made: Mapping[int, Blob]) -> None:
    """Record blobs that were prepared as those, by number, into which an arrival comes. Call it in a transaction."""
    many.save(list(made.values()))
    rows.insert(
        ArrivalFile,
        ("arrival", "number", "blob"),
        ((arrival.pk, number, blob.pk) for number, blob in made.items()),
    )


def _expected(blob: ManifestBlob) -> Expected:
    return Expected(blob.size, blob.algorithm, blob.digest, blob.crc32)


def _as_outlined(manifest: Manifest, begun: Mapping[int, Blob]) -> list[Blob]:
    """Set what blobs must amount to whose parts came during the upload; return those that change. Raises Refusal."""
    meant = {blob.number: blob for blob in manifest.blobs}
    changed = []
    for number, blob in begun.items():
        one = meant.get(number)
        if one is None or (blob.size, blob.part_size) != (one.size, one.part_size):
            raise Refusal(422, "The manifest names other files than the outline did.")
        if (blob.algorithm, bytes(blob.digest), blob.crc32) != (one.algorithm, one.digest, one.crc32):
            blob.algorithm, blob.digest, blob.crc32 = one.algorithm, one.digest, one.crc32
            changed.append(blob)
    return changed


def commit(caller: Caller, relay: UUID) -> Standing:
    """Make the package, once all of it is here and is what the manifest says; else return what is missing."""
    arrival = fences.enter(caller, relay)
    if arrival.state == State.COMMITTED:
        return _standing(arrival)
    if arrival.state == State.OFFERED:
        raise Refusal(409, "The manifest of this relay is not here yet.", Kind.TEMPORARY, "unoffered")
    manifest = _loads(bytes(arrival.manifest))
    blobs = blobs_of(arrival)
    _drop_what_is_wrong(manifest, blobs)
    standing = _standing(arrival, blobs)
    if standing.missing:
        return standing
    try:
        with transaction.atomic():
            if not fences.advance(arrival, State.ARRIVING, state=State.COMMITTED, manifest=b""):
                return _standing(fences.enter(caller, relay))
            many.complete(list(blobs.values()))
            ArrivedStretch.objects.filter(blob__in=ArrivalFile.objects.filter(arrival=arrival).values("blob")).delete()
            ArrivalFile.objects.filter(arrival=arrival).delete()
            package = arrivals.admit(manifest, caller.server, blobs)
            _discard_doubles(package, blobs.values())
    except (arrivals.UnknownRecipient, arrivals.UnknownSender) as error:
        raise Refusal(409, str(error), Kind.TEMPORARY, "unknown") from error  # the next sync mends it
    except arrivals.NotAdmitted as error:
        raise Refusal(409, str(error)) from error
    log.info("package arrived", relay=str(relay), package=str(package.pk), source=caller.server.name)
    return Standing(State.COMMITTED)


def withdraw(caller: Caller, relay: UUID) -> None:
    """Forget a relay that the sender gave up, and what came of it. A committed one stays."""
    try:
        arrival = fences.enter(caller, relay)
    except Refusal as refusal:
        if refusal.status == 404:
            return  # it is forgotten already
        raise
    if arrival.state == State.COMMITTED:
        raise Refusal(409, "The package has arrived completely; it cannot be withdrawn any more.", code="committed")
    forget(arrival)


def forget(arrival: Arrival) -> bool:
    """Remove an arrival that was not committed, with its bytes; False when it changed meanwhile."""
    with transaction.atomic():
        # Whoever is about to write a part or to commit finds no arrival any more, and leaves.
        if not fences.advance(arrival, arrival.state):
            return False
        ids = list(ArrivalFile.objects.filter(arrival=arrival).values_list("blob_id", flat=True))
        ArrivalFile.objects.filter(arrival=arrival).delete()
        Arrival.objects.filter(pk=arrival.pk).delete()
        many.delete(ids)
    log.info("arrival forgotten", relay=str(arrival.pk), package=str(arrival.package_id), files=len(ids))
    return True


def forget_abandoned() -> int:
    """Forget arrivals that nobody went on with, and notes of committed ones that nobody asks about any more."""
    forgotten = 0
    for arrival in Arrival.objects.filter(updated_at__lt=timezone.now() - ABANDONED_AFTER)[:1000]:
        if arrival.state == State.COMMITTED:
            forgotten += Arrival.objects.filter(pk=arrival.pk, state=State.COMMITTED).delete()[0]
        else:
            forgotten += forget(arrival)
    return forgotten


def _read(data: bytes, arrival: Arrival) -> Manifest:
    """Return the manifest if it holds together and is the offered package's. Raises Refusal."""
    try:
        manifest = _loads(data)
    except ManifestError as error:
        raise Refusal(422, str(error)) from error
    if manifest.package != arrival.package_id:
        raise Refusal(422, "The manifest is that of another package than was offered.")
    for blob in manifest.blobs:
        spans = (parts.span(number, blob.size, blob.part_size)[1] for number in range(len(blob.parts)))
        if crc.of_parts((part.crc32, length) for part, length in zip(blob.parts, spans, strict=True)) != blob.crc32:
            raise Refusal(422, f"A file's CRC-32 in the manifest is not that of its parts (file {blob.number}).")
    return manifest


def _loads(data: bytes) -> Manifest:
    if len(data) > LARGE:
        allocator.give_back()  # the buffers of parts have done their work
    return manifests.loads(data)


def blobs_of(arrival: Arrival) -> dict[int, Blob]:
    """Return where an arrival comes: its blobs by number, in ascending order."""
    files = ArrivalFile.objects.filter(arrival=arrival).order_by("number").select_related("blob")
    return {file.number: file.blob for file in files.iterator()}


def _standing(arrival: Arrival, blobs: Mapping[int, Blob] | None = None) -> Standing:
    if arrival.state != State.ARRIVING:
        return Standing(arrival.state)
    return missing_of(arrival, blobs_of(arrival) if blobs is None else blobs)


def missing_of(arrival: Arrival, blobs: Mapping[int, Blob]) -> Standing:
    """Return what is not here yet of these blobs, which are all of an arrival."""
    there = many.have(list(blobs.values()))
    missing = [
        Gap(number, first, last)
        for number, blob in blobs.items()
        if blob.id in there
        for first, last in parts.missing(there[blob.id], parts.part_count(blob.size, blob.part_size))
    ]
    return Standing(arrival.state, missing, _begun(arrival, blobs) if missing else ())


def _begun(arrival: Arrival, blobs: Mapping[int, Blob]) -> Sequence[Begun]:
    """Return what is here of parts that are not whole."""
    known: defaultdict[tuple[UUID, int], list[tuple[int, int]]] = defaultdict(list)
    rows = ArrivedStretch.objects.filter(blob__in=ArrivalFile.objects.filter(arrival=arrival).values("blob"))
    for blob_id, part, start, end in rows.order_by("start").values_list("blob_id", "part", "start", "end"):
        known[blob_id, part].append((start, end))
    numbers = {blob.id: number for number, blob in blobs.items()} if known else {}
    sizes = {blob.id: (blob.size, blob.part_size) for blob in blobs.values()} if known else {}
    begun = []
    for (blob_id, part), there in known.items():
        if sum(end - start for start, end in there) == parts.span(part, *sizes[blob_id])[1]:
            # All is here, and the one who brought the last bytes died before he had looked at the whole: they come
            # again, to have somebody do it.
            there = there[:-1]
        begun.append(Begun(numbers[blob_id], part, there))
    return begun or ()


def _drop_what_is_wrong(manifest: Manifest, blobs: Mapping[int, Blob]) -> None:
    """Forget parts that are not the manifest's, and all parts of files that the store has lost: they come again."""
    known = {blobs[blob.number].id: blob for blob in manifest.blobs}
    wrong = []
    ids = list(known)
    for at in range(0, len(ids), many.BATCH):
        here = Part.objects.filter(blob__in=ids[at : at + many.BATCH]).order_by()
        for pk, blob_id, number, digest, crc32 in here.values_list(
            "pk", "blob_id", "number", "digest", "crc32"
        ).iterator():
            meant = known[blob_id].parts[number]
            if (bytes(digest), crc32) != (meant.digest, meant.crc32):
                wrong.append(pk)
    for at in range(0, len(wrong), many.BATCH):
        Part.objects.filter(pk__in=wrong[at : at + many.BATCH]).delete()
    there = many.have(list(blobs.values()))
    whole = [
        blob
        for blob in blobs.values()
        if blob.id in there and len(there[blob.id]) == parts.part_count(blob.size, blob.part_size)
    ]
    lost = many.lost(whole)
    for blob in lost:
        many.forget_parts(blob)
    if wrong or lost:
        log.warning("arrived bytes are asked for again", wrong_parts=len(wrong), lost_files=len(lost))


def _discard_doubles(package: Package, blobs: Iterable[Blob]) -> None:
    """Remove blobs that the package does not use, because another relay had brought it meanwhile."""
    used = set(File.objects.filter(package=package).order_by().values_list("blob_id", flat=True).distinct())
    many.delete([blob.id for blob in blobs if blob.id not in used])
