"""Packages that came from another server: from its manifest and bytes that are all here, to deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.packages import ending, finding, lifecycle, names, packing
from posthouse.packages.manifest import Manifest, Recipient
from posthouse.packages.manifest_files import ManifestBlob, ManifestFile
from posthouse.packages.models import Delivery, Package
from posthouse.packages.packing import Place
from posthouse.store.models import Blob

BATCH = 500
NAMED = 5


class NotAdmitted(Exception):
    """The package was not taken in; the message says why."""


class UnknownRecipient(NotAdmitted):
    """Somebody who lives here according to the sender's server is not known here yet. A sync mends it."""


class UnknownSender(NotAdmitted):
    """The sender is not known here yet. A sync mends it."""


class Damaged(NotAdmitted):
    """The bytes that are here are not those of the manifest."""


class Taken(NotAdmitted):
    """Another package has this id here already."""


class Over(NotAdmitted):
    """The package has ended before it came."""


def admit(manifest: Manifest, source: Server, blobs: Mapping[int, Blob]) -> Package:
    """Make the package of the manifest, which has these `blobs`, by number, and open the deliveries of residents.

    It is one transaction: before it nothing is visible, after it everything. Saying it again returns the package that
    is there. Raise a NotAdmitted, and leave everything as it was, if something does not fit.
    """
    here = servers.this()
    now = timezone.now()
    with transaction.atomic():
        if not ending.hold(manifest.package):
            raise Over("The package has ended meanwhile: it was recalled, or deleted.")
        package, made = Package.objects.get_or_create(
            pk=manifest.package,
            defaults={
                "title": manifest.title,
                "note": manifest.note,
                "sender": _sender(manifest),
                "origin": source,
                "status": Package.Status.COMPLETE,
                "size": manifest.size,
                "file_count": len(manifest.files),
                "created_at": manifest.created,
                "closed_at": now,
                "release_at": manifest.release if manifest.release and manifest.release > now else None,
                "expires_at": manifest.expires,
                "forwarded_from": manifest.forwarded_from,
                "outside_days": manifest.outside.days,
                "outside_once": manifest.outside.once,
                "outside_password": manifest.outside.password,
                "outside_sender": manifest.outside.sender,
                "envelope": manifest.envelope,
            },
        )
        if not made:
            if package.origin_id != source.pk or package.sender_id != manifest.sender.id:
                raise Taken(f"Another package has the id {manifest.package} on this server.")
            ending.let_go(manifest.package)
            return package
        _check(manifest, blobs)
        packing.add(package.pk, ((file.path, file.size, _place(file, blobs)) for file in manifest.files))
        Delivery.objects.bulk_create(_deliveries(package, manifest, here), batch_size=BATCH)
        finding.add(package)
        if package.release_at is None:
            lifecycle.open_deliveries(package)
        ending.let_go(manifest.package)
    return package


def _sender(manifest: Manifest) -> User:
    try:
        return User.objects.get(pk=manifest.sender.id)
    except User.DoesNotExist as error:
        raise UnknownSender(
            f"The sender {manifest.sender.login} is not known on this server yet. Sync it, then try again."
        ) from error


def _check(manifest: Manifest, blobs: Mapping[int, Blob]) -> None:
    """Raise Damaged unless the blobs hold what the manifest says: nobody is ever shown a damaged file (D12)."""
    for meant in manifest.blobs:
        blob = blobs.get(meant.number)
        if blob is None or blob.state != Blob.State.COMPLETE:
            raise Damaged(f"Not all bytes of {_which(manifest, meant)} arrived.")
        if (blob.algorithm, bytes(blob.digest), blob.size, blob.crc32) != (
            meant.algorithm,
            meant.digest,
            meant.size,
            meant.crc32,
        ):
            raise Damaged(f"The bytes that arrived of {_which(manifest, meant)} are not those that were sent.")


def _which(manifest: Manifest, blob: ManifestBlob) -> str:
    if blob.number < len(manifest.files):
        return f"“{names.shown(manifest.files[blob.number].path)}”"
    inside = [file for file in manifest.files if file.blob == blob.number]
    return f"{len(inside)} small files, “{names.shown(inside[0].path)}” among them,"


def _place(file: ManifestFile, blobs: Mapping[int, Blob]) -> Place:
    blob = blobs[file.blob].pk
    return Place(blob) if file.start is None else Place(blob, file.start, file.digest, file.crc32)


def _deliveries(package: Package, manifest: Manifest, here: Server) -> list[Delivery]:
    """Return a delivery for each recipient who is known here. Those who live here must be."""
    ids = [person.id for person in manifest.recipients if person.id]
    people = {
        pk
        for at in range(0, len(ids), BATCH)
        for pk in User.objects.filter(pk__in=ids[at : at + BATCH]).values_list("pk", flat=True)
    }
    homes = set(Server.objects.values_list("pk", flat=True))
    known = people | {None}  # outside
    strangers = [person for person in manifest.recipients if person.home == here.pk and person.id not in known]
    if strangers:
        raise UnknownRecipient(
            f"{_named(strangers)} {'is' if len(strangers) == 1 else 'are'} not known on this server yet. "
            "Sync it, then try again."
        )
    if not any(person.home == here.pk for person in manifest.recipients):
        raise UnknownRecipient("The package names nobody who lives on this server.")
    return [
        Delivery(
            package=package,
            recipient_id=person.id,
            email=person.email,
            home_id=person.home,
            private=person.private,
        )
        for person in manifest.recipients
        if person.id in known and person.home in homes
    ]


def _named(people: Sequence[Recipient]) -> str:
    """Name the first of these people; of private ones only how many: administrators are shown this, too."""
    openly = [person.login for person in people if not person.private]
    private = len(people) - len(openly)
    counted = [f"{private} private recipient{'' if private == 1 else 's'}"] if private else []
    return ", ".join(openly[:NAMED] + counted)
