"""How packages end: they expire, are recalled, or are deleted. Then nobody can fetch them, and their bytes go.

A package ends once. Its sender's server decides on recalls, deletions and what follows from downloads, and tells the
others; an expiry each server carries out by itself, for it knows the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.audit.log import Who
from posthouse.cluster import servers
from posthouse.packages import signals
from posthouse.packages.models import Delivery, Ended, File, Package
from posthouse.store import many
from posthouse.store.models import Blob

BATCH = 200
GRACE = timedelta(days=1)
KEEP_NOTES = timedelta(days=400)
End, After = Package.End, Package.After

log = structlog.get_logger("posthouse.packages")


def end(package_id: UUID, how: str, who: Who = audit.SERVER) -> bool:
    """End a package whose upload is over; False when it is still uploading, or has ended before."""
    now = timezone.now()
    with transaction.atomic():
        going = Package.objects.filter(pk=package_id, ended_at=None, closed_at__isnull=False)
        if not going.update(ended_at=now, end=how, ended_by=who.name, release_at=None, updated_at=now):
            return False
        package = Package.objects.select_related("sender").get(pk=package_id)
        audit.record(
            who, f"package.{how}", f"“{package.title}” of {package.sender} was {End(how).label.lower()}.", package
        )
        signals.package_ended.send(Package, package=package)
    log.info("package ended", package=str(package_id), how=how)
    return True


def end_by_word(package_id: UUID, how: str, who: Who) -> None:
    """End a package because its sender's server says so; if it is not here yet, it is not taken in any more."""
    if end(package_id, how, who):
        return
    with transaction.atomic():
        Ended.objects.get_or_create(pk=package_id)  # waits for a package that is being taken in at this moment
        end(package_id, how, who)


def hold(package_id: UUID) -> bool:
    """Keep a package from ending while it is taken in, until `let_go` in this transaction; False when it is over."""
    return Ended.objects.get_or_create(pk=package_id)[1]


def let_go(package_id: UUID) -> None:
    """Allow a package that is taken in now to end."""
    Ended.objects.filter(pk=package_id).delete()


def expire() -> int:
    """End the packages whose time is over; return how many."""
    due = Package.objects.filter(ended_at=None, expires_at__lte=timezone.now()).order_by("expires_at")
    return sum(end(pk, End.EXPIRED) for pk in due.values_list("pk", flat=True)[:BATCH])


def after_download(package: Package) -> bool:
    """Let a package end in a day if its downloads were what it waited for; whether it does. At its sender's server.

    Not at once: that the last byte was handed to the network does not mean that it arrived, and then the recipient
    wants to try again.
    """
    if package.after_download == After.KEEP or package.origin_id != servers.this().pk or not package.is_open:
        return False
    waiting = package.deliveries.filter(fetched_at=None)
    over = not waiting.exists()
    if package.after_download == After.ANY:
        over = package.deliveries.filter(fetched_at__isnull=False).exists()
    return over and set_expiry(package.pk, timezone.now() + GRACE, later=False)


def set_expiry(package_id: UUID, when: datetime | None, *, later: bool = True) -> bool:
    """Set when a package ends, at its sender's server, and return whether; without `later` only if that is sooner."""
    with transaction.atomic():
        going = Package.objects.filter(pk=package_id, ended_at=None, closed_at__isnull=False)
        if not later:
            going = going.filter(Q(expires_at=None) | Q(expires_at__gt=when))
        if not going.update(expires_at=when, updated_at=timezone.now()):
            return False
        signals.terms_changed.send(Package, package=Package.objects.get(pk=package_id))
    return True


def hide(delivery: Delivery) -> None:
    """Delete a package for one recipient. At another server than its sender's it ends with the last one."""
    with transaction.atomic():
        if _hide(delivery, timezone.now()):
            signals.package_hidden.send(Delivery, delivery=delivery)
        package, here = delivery.package, servers.this()
        left = package.deliveries.filter(home=here, hidden_at=None).exists()
        if not left and package.origin_id != here.pk:
            end(package.pk, End.DELETED)


def heard_hidden(delivery: Delivery, at: datetime) -> None:
    """Take over, at the sender's server, that a recipient has deleted a package for himself. It may be said again."""
    _hide(delivery, at)


def _hide(delivery: Delivery, at: datetime) -> bool:
    if not Delivery.objects.filter(pk=delivery.pk, hidden_at=None).update(hidden_at=at):
        return False
    delivery.hidden_at = at
    return True


def free() -> int:
    """Give up the bytes of packages that have ended, unless another package has them too; return how many packages."""
    waiting = Package.objects.filter(ended_at__isnull=False, freed_at=None).order_by("ended_at")
    return sum(_free(pk) for pk in waiting.values_list("pk", flat=True)[:BATCH])


def _free(package_id: UUID) -> bool:
    try:
        with transaction.atomic():
            Package.objects.select_for_update().get(pk=package_id)  # whoever forwards it is waited for
            files = File.objects.filter(package=package_id, blob__isnull=False)
            blobs = list(files.values_list("blob_id", flat=True).distinct())
            files.update(blob=None, start=None)
            for at in range(0, len(blobs), BATCH):
                many.delete(_unused(blobs[at : at + BATCH]))
            Package.objects.filter(pk=package_id).update(freed_at=timezone.now())
    except IntegrityError:  # somebody else has begun to use a blob at this moment: the next round sees that
        return False
    return True


def _unused(blobs: Iterable[UUID]) -> list[UUID]:
    used = File.objects.filter(blob=OuterRef("pk"))
    return list(Blob.objects.filter(~Exists(used), pk__in=list(blobs)).values_list("pk", flat=True))


def forget_notes() -> int:
    """Forget packages that ended elsewhere so long ago that no relay can bring them any more; return how many."""
    return Ended.objects.filter(at__lt=timezone.now() - KEEP_NOTES).delete()[0]


def expiry(keep_days: int | None, begins: datetime) -> datetime | None:
    """Return when a package ends that is kept so many days from a moment on. Pure."""
    return None if keep_days is None else begins + timedelta(days=keep_days)
