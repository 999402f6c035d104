"""Receipts: what each recipient has fetched of a package, in parts or whole, here or at another server.

A file counts as fetched when its bytes were sent from the first to the last, in however many answers. Of a package
whose files were all fetched, or whose zip file was, its recipient has everything. A zip file of some counts as each of
those files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from posthouse.packages import ending, noting, selection, signals
from posthouse.packages.models import Delivery, Download, File, Package

BATCH = 500


def note(download: Download) -> None:
    """Take an answer that has ended into account. A sender's own downloads count only if he is a recipient."""
    if not download.sent and download.whole:
        return
    delivery = download.delivery
    if delivery is None or delivery.fetched_at is not None:
        return
    now = timezone.now()
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, fetched_at=None)
        # The lock on the row: of two answers that end at once, the second counts after the first.
        first = bool(mine.filter(first_fetched_at=None).update(first_fetched_at=now))
        locked = mine.select_for_update().first()
        if locked is None:
            return
        whole = _count(locked, download)
        if whole:
            mine.update(fetched_at=now)
        if first or whole:
            delivery.refresh_from_db()
            noting.fetched(download, whole=whole)
            _tell(delivery, whole=whole)


def heard(delivery_id: UUID, files: int, first: datetime, whole: datetime | None) -> None:
    """Take over, at the sender's server, what a recipient has fetched at another one. It may be said again."""
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery_id)
        news = bool(mine.filter(first_fetched_at=None).update(first_fetched_at=first))
        mine.filter(fetched_files__lt=files).update(fetched_files=files)
        ended = whole is not None and bool(mine.filter(fetched_at=None).update(fetched_at=whole))
        delivery = mine.first()
        if delivery is not None and (news or ended):
            _tell(delivery, whole=ended)


def covers(spans: Iterable[tuple[int, int]], size: int) -> bool:
    """Return whether spans of (start, length) reach from the first byte to the last of `size`. Pure."""
    reached = 0
    for start, length in sorted(spans):
        if start > reached or reached >= size:
            break
        reached = max(reached, start + length)
    return reached >= size


def _count(delivery: Delivery, download: Download) -> bool:
    """Count the file if this answer made it whole, and return whether the recipient has everything now."""
    package = Package.objects.get(pk=delivery.package_id)
    others = Download.objects.filter(delivery=delivery, file=download.file_id)
    if download.file is None:
        others = others.filter(chosen=download.chosen)
    others = others.exclude(pk=download.pk).filter(ended_at__isnull=False)
    before = list(others.values_list("start", "sent"))
    if before and covers(before, download.whole):
        return False
    if not covers([*before, (download.start, download.sent)], download.whole):
        return False
    if download.chosen:
        new = _count_chosen(download)
        Delivery.objects.filter(pk=delivery.pk).update(fetched_files=F("fetched_files") + new)
        return delivery.fetched_files + new >= package.file_count
    if download.file is None:
        Delivery.objects.filter(pk=delivery.pk).update(fetched_files=package.file_count)
        return True
    Delivery.objects.filter(pk=delivery.pk).update(fetched_files=F("fetched_files") + 1)
    return delivery.fetched_files + 1 >= package.file_count


def _count_chosen(download: Download) -> int:
    """Note that the files of a zip file of some were fetched whole, and return how many had not been before."""
    files = File.objects.filter(package=download.package_id)
    numbers = set(selection.numbers(download.chosen))
    spans: defaultdict[UUID, list[tuple[int, int]]] = defaultdict(list)
    before = Download.objects.filter(delivery=download.delivery_id, file__isnull=False, ended_at__isnull=False)
    for file_id, start, sent in before.values_list("file", "start", "sent").iterator():
        spans[file_id].append((start, sent))
    new = [
        file
        for file in files.iterator()
        if file.number in numbers and not (spans[file.pk] and covers(spans[file.pk], file.size))
    ]
    Download.objects.bulk_create(
        (
            Download(
                package_id=download.package_id,
                user_id=download.user_id,
                delivery_id=download.delivery_id,
                file=file,
                chosen=download.chosen,
                sent=file.size,
                size=file.size,
                whole=file.size,
                address=download.address,
                ended_at=download.ended_at,
            )
            for file in new
        ),
        batch_size=BATCH,
    )
    return len(new)


def _tell(delivery: Delivery, *, whole: bool) -> None:
    signals.package_fetched.send(Delivery, delivery=delivery, whole=whole)
    if whole:
        ending.after_download(Package.objects.get(pk=delivery.package_id))
