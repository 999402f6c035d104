"""What may happen to a package, in which order: uploading, then relaying or complete, or an error.

Every step is an UPDATE that names the old status; whoever comes second finds that nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import models, transaction
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import ending, packing, signals
from posthouse.packages.models import Delivery, File, Package
from posthouse.packages.packing import Place
from posthouse.store.models import Blob
from posthouse.store.packs import Spot

BATCH = 200
Status = Package.Status


def file_arrived(file: File, contents: Blob | Spot) -> bool:
    """Note where all bytes of the file are in the store, and close the package if it was the last one.

    Return whether the package took it. Saying it again changes nothing and returns True; False means that the package
    is no longer uploading and never had these bytes.
    """
    place = packing.at(contents) if isinstance(contents, Spot) else Place(contents.pk)
    same = File.objects.filter(pk=file.pk, blob=place.blob, start=place.start)
    with transaction.atomic():
        # First the package's row: of two last files that arrive at once, the second waits here until the first is
        # done, so one of them sees that nothing is missing. It also tells when the package moved last.
        if not _touch(file.package_id, Status.UPLOADING):
            return same.exists()
        taken = File.objects.filter(pk=file.pk, blob=None).update(**place._asdict())
        if not taken and not same.exists():
            return False
        close_if_whole(file.package_id)
    return True


def files_arrived(package_id: UUID, spots: Mapping[UUID, Spot]) -> set[UUID] | None:
    """Note where small files are, by their ids, and close the package if they were the last ones.

    Return those that the package took: not what is there already, nor what has an upload of its own. None means that it
    is no longer uploading.
    """
    with transaction.atomic():
        if not _touch(package_id, Status.UPLOADING):  # first, as above
            return None
        files = File.objects.filter(package=package_id, pk__in=spots)
        # Nobody begins an upload of one while its row is held for this: what is found next stays true.
        list(files.select_for_update().order_by("pk").values_list("pk"))
        taken = set(files.filter(blob=None, upload=None).values_list("pk", flat=True))
        packing.place((pk, packing.at(spots[pk])) for pk in taken)
        close_if_whole(package_id)
    return taken


def close_if_whole(package_id: UUID) -> bool:
    """Close the package if it awaits no more files; return whether this call closed it."""
    if File.objects.filter(package_id=package_id, blob=None).exists():
        return False
    packing.seal_all(package_id)
    return _close(package_id)


def close(package: Package) -> bool:
    """End the upload: settle each recipient's home, open the deliveries of residents, and tell the relays.

    Return False, and do nothing, if the package is not uploading any more.
    """
    closed = _close(package.pk)
    package.refresh_from_db()
    return closed


def _close(package_id: UUID) -> bool:
    now = timezone.now()
    here = servers.this()
    with transaction.atomic():
        if not _touch(package_id, Status.UPLOADING):
            return False
        deliveries = Delivery.objects.filter(package_id=package_id)
        people = User.objects.filter(pk=OuterRef("recipient_id"))
        homeless = (servers.master() or here).pk
        # Read now, not when the package was begun: an upload may take days, and people move.
        home = Coalesce(Subquery(people.values("home_id")), Value(homeless, output_field=models.UUIDField()))
        deliveries.filter(recipient__isnull=False).update(home=home)
        deliveries.filter(recipient__local=True).update(home=here)
        status = Status.RELAYING if deliveries.exclude(home=here).exists() else Status.COMPLETE
        package = Package.objects.get(pk=package_id)
        package.status, package.closed_at, package.updated_at = status, now, now
        if package.release_at and package.release_at <= now:
            package.release_at = None
        package.expires_at = ending.expiry(package.keep_days, package.release_at or now)
        package.save(update_fields=["status", "closed_at", "updated_at", "release_at", "expires_at"])
        signals.package_closed.send(Package, package=package)
        if package.release_at is None:
            open_deliveries(package)
            _tell_if_everywhere(package)
    return True


def open_deliveries(package: Package) -> None:
    """Let the recipients who live here fetch a package that is released and all here, and have them told."""
    waiting = Delivery.objects.filter(package=package, home=servers.this(), available_at=None)
    if waiting.update(available_at=timezone.now()):
        signals.package_arrived.send(Package, package=package)


def release(package_id: UUID) -> bool:
    """Let recipients fetch a package that was to wait; False when it waits for nothing, or has ended."""
    with transaction.atomic():
        waiting = Package.objects.filter(pk=package_id, release_at__isnull=False, ended_at=None)
        if not waiting.update(release_at=None, updated_at=timezone.now()):
            return False
        package = Package.objects.get(pk=package_id)
        if package.closed_at is not None:
            open_deliveries(package)
            _tell_if_everywhere(package)
    return True


def release_now(package_id: UUID) -> bool:
    """Release a package before its time, at its sender's server, and at all others; False when there is nothing to."""
    with transaction.atomic():
        if not release(package_id):
            return False
        signals.terms_changed.send(Package, package=Package.objects.get(pk=package_id))
    return True


def release_due() -> int:
    """Release the packages whose time has come; return how many."""
    due = Package.objects.filter(release_at__lte=timezone.now(), closed_at__isnull=False, ended_at=None)
    return sum(release(pk) for pk in due.order_by("release_at").values_list("pk", flat=True)[:BATCH])


def set_status(package_id: UUID, old: str, new: str, error: str = "") -> bool:
    """Change the status from `old` to `new`; return False if it was not `old`. An error gets its reason in words.

    What happens to the relays of a package that has ended is not news any more: it keeps the status it had.
    """
    with transaction.atomic():
        going = Package.objects.filter(pk=package_id, status=old, ended_at=None)
        if not going.update(status=new, error=error, updated_at=timezone.now()):
            return False
        if new == Status.COMPLETE and old != new:
            _tell_if_everywhere(Package.objects.get(pk=package_id))
    return True


def give_up(package: Package, reason: str) -> bool:
    """End an upload that will not be finished; return False if it is not uploading any more."""
    with transaction.atomic():
        if not set_status(package.pk, Status.UPLOADING, Status.ERROR, reason):
            return False
        package.refresh_from_db()
        signals.package_given_up.send(Package, package=package)
    return True


def _tell_if_everywhere(package: Package) -> None:
    """Say that every recipient can fetch a package of this server, if that is so now."""
    if package.status == Status.COMPLETE and package.release_at is None and package.origin_id == servers.this().pk:
        signals.package_received.send(Package, package=package)


def _touch(package_id: UUID, status: str) -> bool:
    return bool(Package.objects.filter(pk=package_id, status=status).update(updated_at=timezone.now()))
