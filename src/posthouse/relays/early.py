"""Cut-through: the parts of a package that are here go on while the rest of it is still being uploaded.

Nothing is shown to anybody before the commit, which needs the manifest, which needs the end of the upload. So this only
spares time: in the end the relay goes the way of all others, and finds that nearly everything is there.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.leases import LostLease
from posthouse.packages import incoming
from posthouse.packages.manifest import Manifest, Sender
from posthouse.packages.manifest_files import FilePart, ManifestBlob
from posthouse.packages.models import Delivery, File, Package
from posthouse.relays import queue, throttle, wire
from posthouse.relays.far import Far
from posthouse.relays.models import Relay
from posthouse.relays.reading import Reading
from posthouse.relays.sending import Sending
from posthouse.relays.wire import Begun, Gap, Outlined, Standing
from posthouse.store import parts
from posthouse.store.errors import BlobMissing
from posthouse.store.models import Blob, Part

LEAST = 32 * 1024 * 1024
"""Bytes of a package at least: a smaller one is relayed as quickly when it is whole."""
LOOK_SECONDS = 0.25
IDLE_SECONDS = 5.0
"""A relay to which nothing came for so long gives its place to others for a while."""
PAUSE = timedelta(seconds=5)
BATCH = 50
SPARED = 500
"""Ids in one query."""

log = structlog.get_logger("posthouse.relays")

Place = tuple[int, int]
"""Numbers of a file and of a part of it."""
Here = Mapping[int, Mapping[int, FilePart]]
"""The parts that are here, by the numbers of the file and of the part."""


def begin() -> int:
    """Have packages relayed of which something has come, if the settings say so; return how many were begun."""
    if not throttle.limits().cut_through:
        return 0
    uploading = Package.objects.filter(status=Package.Status.UPLOADING, origin__is_self=True, size__gte=LEAST)
    leaves = Exists(Delivery.objects.filter(package=OuterRef("pk"), home__is_self=False))
    planned = Exists(Relay.objects.filter(package=OuterRef("pk")))
    large = Exists(File.objects.filter(package=OuterRef("pk"), size__gt=wire.SMALL))
    new = uploading.filter(leaves, large, ~planned).order_by("-updated_at")[:BATCH]
    begun = 0
    for package in new:
        away = Delivery.objects.filter(package=package, home__is_self=False).order_by()
        homes = list(away.values_list("home", flat=True).distinct())
        if homes and _something_came(package):
            with transaction.atomic():
                # Whoever closes it meanwhile waits here, or was first: then its relays are planned already.
                if uploading.select_for_update(of=("self",)).filter(pk=package.pk).first() is not None:
                    queue.add(package, homes, early=True)
                    begun += 1
    return begun


def _something_came(package: Package) -> bool:
    came = [blob.pk for blob in incoming.blobs(package.pk).values()][:SPARED]
    return Part.objects.filter(blob__in=came).exists()


def send(job: Job[Relay], far: Far, package: Package) -> bool:
    """Send what comes until the package is closed, and return True; False when the relay was put aside meanwhile."""
    course: _Course | None = None
    quiet_since = time.monotonic()
    while True:
        now = Package.objects.filter(pk=package.pk).first()
        if now is None:
            raise LostLease
        if now.closed_at is not None:
            log.info("sent during the upload", relay=str(job.row.pk), bytes=course.sent if course else 0)
            return True
        if now.status != Package.Status.UPLOADING:
            # It was given up: whoever takes the relay next tells the far side. Again, for somebody may have retried it.
            queue.give_up(now)
            raise LostLease
        if course is None:
            course = _Course(job, far, package)
            quiet_since = time.monotonic()
        began = time.monotonic()
        if course.step():
            quiet_since = time.monotonic()
            continue  # more may have come meanwhile, and a pause could not be made up for
        if time.monotonic() - quiet_since > IDLE_SECONDS:
            if not leases.defer(job.row, "", timezone.now() + PAUSE, trouble="", attempts=0):
                raise LostLease
            return False
        # To look at tens of thousands of files takes a while, and a worker must not do nothing else.
        job.wait(max(LOOK_SECONDS, 2 * (time.monotonic() - began)))


class _Course:
    """One attempt."""

    def __init__(self, job: Job[Relay], far: Far, package: Package) -> None:
        self.job, self.far, self.package = job, far, package
        large = File.objects.filter(package=package, size__gt=wire.SMALL)
        self.files = {file.number: file for file in large.order_by("number")}
        self.sent = 0
        blobs = incoming.blobs(package.pk)
        self.algorithms = {number: blobs[number].algorithm if number in blobs else _usual() for number in self.files}
        standing = far.offer(package.pk, package.size)
        if standing.state == wire.OFFERED:
            standing = far.outline(wire.outline(self._outlined()))
        self.wanted = {(gap.file, number) for gap in standing.missing for number in range(gap.first, gap.last + 1)}
        self.begun = {(one.file, one.part): one for one in standing.begun}

    def _outlined(self) -> Iterator[Outlined | None]:
        for number in range(self.package.file_count):
            file = self.files.get(number)
            yield Outlined(file.size, self.algorithms[number]) if file else None

    def _is_large(self, file: int, part: int) -> bool:
        """Whether a part travels by itself. The others go in bundles, which nobody takes before the manifest."""
        return _span(self.files[file], part) > wire.SMALL

    def step(self) -> bool:
        """Send what has come since the last one, and what comes meanwhile; return whether there was anything."""
        blobs = incoming.blobs(self.package.pk)
        ready, known = self._ready(blobs, set())
        if not ready:
            return False
        under_way = set(ready)
        before = known.carried - self._size(self.wanted)
        others = known.carried - self._size(ready)

        def progress(done: int) -> None:
            self.job.note(done=before + max(0, done - others))

        sending = Sending(self.far, known, Reading(self.package, blobs), check=self.job.check, progress=progress)
        next_look = time.monotonic() + LOOK_SECONDS

        def more() -> Standing | None:
            nonlocal next_look
            began = time.monotonic()
            if began < next_look:
                return None
            blobs = incoming.blobs(self.package.pk)
            came, sending.manifest = self._ready(blobs, under_way)
            sending.read = Reading(self.package, blobs)
            under_way.update(came)
            # To look at thousands of parts takes a while, and a worker must not do nothing else.
            next_look = time.monotonic() + max(LOOK_SECONDS, 2 * (time.monotonic() - began))
            return self._standing(came) if came else None

        try:
            sending.bring(self._standing(ready), more)
        except BlobMissing:
            return False  # its upload was begun anew: the parts that come then are sent
        self.wanted -= under_way
        self.sent += self._size(under_way)
        return True

    def _ready(self, blobs: Mapping[int, Blob], but: Collection[Place]) -> tuple[list[Place], Manifest]:
        """Return the wanted parts that are here, in order, and what is known of the package."""
        here = _parts_of(blobs, self.files)
        wanted = (key for key in self.wanted if key not in but)
        ready = sorted(key for key in wanted if key[1] in here.get(key[0], ()) and self._is_large(*key))
        return ready, _known(self.package, self.files, self.algorithms, here)

    def _standing(self, ready: Collection[Place]) -> Standing:
        begun: Sequence[Begun] = [self.begun[key] for key in ready if key in self.begun]
        return Standing(wire.ARRIVING, gaps_of(ready), begun)

    def _size(self, places: Iterable[Place]) -> int:
        return sum(_span(self.files[file], part) for file, part in places)


def gaps_of(ready: Collection[Place]) -> list[Gap]:
    """Return numbers of files and parts, in ascending order, as runs. Pure."""
    gaps = []
    for (file, _), run in groupby(enumerate(ready), key=lambda one: (one[1][0], one[1][1] - one[0])):
        numbers = [part for _, (_, part) in run]
        gaps.append(Gap(file, numbers[0], numbers[-1]))
    return gaps


def _parts_of(blobs: Mapping[int, Blob], files: Mapping[int, File]) -> Here:
    numbers = {blob.pk: number for number, blob in blobs.items() if number in files}
    ids: list[UUID] = list(numbers)
    found: dict[int, dict[int, FilePart]] = {}
    for at in range(0, len(ids), SPARED):
        rows = Part.objects.filter(blob__in=ids[at : at + SPARED]).order_by()
        for blob_id, number, digest, crc32 in rows.values_list("blob_id", "number", "digest", "crc32").iterator():
            found.setdefault(numbers[blob_id], {})[number] = FilePart(bytes(digest), crc32)
    return found


def _known(package: Package, files: Mapping[int, File], algorithms: Mapping[int, str], here: Here) -> Manifest:
    """Return as much of the manifest as can be known of the large files: of parts that are not here, nothing."""
    unknown = FilePart(b"", 0)
    described = []
    for number, file in files.items():
        size = parts.part_size(file.size)
        own = here.get(number, {})
        known = tuple(own.get(part, unknown) for part in range(parts.part_count(file.size, size)))
        described.append(ManifestBlob(number, file.size, algorithms[number], size, b"", 0, known))
    sender = package.sender
    return Manifest(
        package=package.pk,
        title=package.title,
        note="",
        sender=Sender(sender.pk, sender.login, sender.name, sender.email),
        recipients=(),
        created=package.created_at,
        files=(),
        blobs=tuple(described),
    )


def _span(file: File, part: int) -> int:
    return parts.span(part, file.size, parts.part_size(file.size))[1]


def _usual() -> str:
    """Return the digest that an upload which has not begun will have, unless somebody changes the settings."""
    name: str = settings.POSTHOUSE.digest
    return name
