"""A new package, before its first byte: what its sender wrote, checked and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from django.db import IntegrityError, transaction

from posthouse.accounts import permissions
from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.contacts import book
from posthouse.lib import envelopes
from posthouse.packages import (
    copying,
    destinations,
    finding,
    lifecycle,
    limits,
    names,
    packing,
    policies,
    quotas,
    words,
)
from posthouse.packages.models import Delivery, File, Package
from posthouse.packages.packing import Place
from posthouse.packages.recipients import Named, recipients_of
from posthouse.store import blobs

BATCH = 500
"""Names per query: databases bound the number of values in one."""
SENTENCES = 20
"""At most so many complaints about one field; a folder of 20,000 bad names needs no more."""


class Refused(Exception):
    """The package was not made; `errors` holds sentences by field.

    The fields are title, note, recipients, cc, terms, outside, files.
    """

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(" ".join(sentence for sentences in errors.values() for sentence in sentences))
        self.errors = errors


@dataclass(frozen=True)
class Terms:
    """When a package can be fetched, and how long; what is left out follows the server's policy."""

    release_at: datetime | None = None
    keep_days: int | Literal["policy"] | None = "policy"
    """Days from upload or release to its end; None: no end."""
    after_download: str = ""
    link_days: int | Literal["policy"] | None = "policy"
    """Days that the links of outside recipients are good; None: as long as the package."""
    link_once: bool = False
    link_password: str = field(default="", repr=False)


def create(
    sender: User,
    title: str,
    note: str,
    recipients: Sequence[str],
    files: Sequence[tuple[str, int]],
    key: str = "",
    *,
    private: Sequence[str] = (),
    cc: Mapping[str, Sequence[str]] = MappingProxyType({}),
    terms: Terms = Terms(),
    contents: Mapping[str, File] | None = None,
    forwarded_from: UUID | None = None,
    outside_sender: str = "",
    envelope: str = "",
) -> Package:
    """Return a new package that awaits its files, or raise Refused with all that is wrong with it.

    Recipients are log-in names or e-mail addresses, as `recipients_of` reads them. The
    `private` ones get it too, and the others are not told of them; `cc` has, by event, who is told of it and gets
    nothing. Files are (path, size in bytes); `contents` has, by path, files of another package with the same bytes, for
    all of them. With an `envelope`, as posthouse.lib.envelopes writes it, they are encrypted, and the sizes are those
    of the encrypted files. A package of nothing but empty files is closed at once. A sender who uses a `key` again gets
    the package that he made with it: it never comes to be twice because an answer was lost.
    """
    if key and (package := _made_before(sender, key)):
        return package
    if not contents and not outside_sender and not permissions.may(sender, permissions.UPLOAD):
        raise Refused({"files": [permissions.UPLOAD.refusal]})
    errors: dict[str, list[str]] = {}
    title, note = words.line(title), words.text(note)
    if not title:
        errors["title"] = ["Give the package a title."]
    elif len(title) > limits.TITLE:
        errors["title"] = [f"The title has {len(title)} characters; {limits.TITLE} is the most. Shorten it."]
    if len(note) > limits.NOTE:
        errors["note"] = [f"The note has {len(note):,} characters; {limits.NOTE:,} is the most. Shorten it."]
    named, complaints = recipients_of(sender, recipients, private)
    if complaints:
        errors["recipients"] = complaints
    told, complaints = copying.settle(sender, cc)
    if complaints:
        errors["cc"] = complaints
    kept, complaints = policies.settle(terms.keep_days, terms.after_download, terms.release_at)
    if complaints:
        errors["terms"] = complaints
    links: tuple[int | None, bool, str] = (None, False, "")
    if any(one.user is None for one in named):
        links, complaints = policies.settle_outside(terms.link_days, terms.link_password, once=terms.link_once)
        if complaints:
            errors["outside"] = complaints
    paths, complaints = _files(files)
    if envelope:
        complaints += _not_sealed(paths)
    if complaints:
        errors["files"] = complaints
    if complaint := EncryptionRule.in_force().complaint(encrypted=bool(envelope)):
        errors["encryption"] = [complaint]
    if errors:
        raise Refused({field: _bounded(sentences) for field, sentences in errors.items()})

    here = servers.this()
    package = Package(title=title, note=note, sender=sender, origin=here, key=key, forwarded_from=forwarded_from)
    package.keep_days, package.after_download, package.release_at = kept
    package.outside_days, package.outside_once, package.outside_password = links
    package.outside_sender, package.envelope = outside_sender, envelope
    package.file_count = len(paths)
    package.size = sum(size for _, size in paths)
    try:
        with transaction.atomic():
            if not contents and (complaint := quotas.complaint(sender, package.size)):
                raise Refused({"files": [complaint]})
            _record(package, named, told, paths, contents or {})
    except IntegrityError:
        made_meanwhile = key and _made_before(sender, key)
        if not made_meanwhile:
            raise
        return made_meanwhile
    return package


def _made_before(sender: User, key: str) -> Package | None:
    return Package.objects.filter(sender=sender, key=key).first()


def _record(
    package: Package,
    named: Sequence[Named],
    told: Mapping[str, Sequence[Named]],
    paths: Sequence[tuple[str, int]],
    contents: Mapping[str, File],
) -> None:
    here = servers.this()
    homes = destinations.of_all([(one.user, one.email) for one in named], here)
    package.save(force_insert=True)
    Delivery.objects.bulk_create(
        (
            Delivery(
                package=package,
                recipient=one.user,
                email=one.email,
                home_id=home,
                private=one.private,
            )
            for one, home in zip(named, homes, strict=True)
        ),
        batch_size=BATCH,
    )
    copying.record(package, told)
    book.remember(package.sender, [one.email for one in named if one.email])
    # One empty blob serves all the empty files of the package.
    empty = blobs.create(0).pk if not contents and any(size == 0 for _, size in paths) else None
    places = (packing.of(contents[path]) if contents else Place(None if size else empty) for path, size in paths)
    packing.add(package.pk, ((path, size, place) for (path, size), place in zip(paths, places, strict=True)))
    finding.add(package)
    if lifecycle.close_if_whole(package.pk):
        package.refresh_from_db()


def _files(files: Sequence[tuple[str, int]]) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the files in the order in which they are shown, and what is wrong with them."""
    if not files:
        return [], ["Choose at least one file."]
    if len(files) > limits.FILES:
        return [], [
            f"The package has {len(files):,} files; {limits.FILES:,} is the most. Send several, or one archive."
        ]
    good: list[tuple[str, int]] = []
    complaints: list[str] = []
    for path, size in files:
        try:
            good.append((names.clean(path), size))
        except names.BadName as bad:
            complaints.append(str(bad))
        if size < 0:
            complaints.append(f"“{names.shown(path)}” has no proper size. Choose it again.")
    complaints += names.clashes([path for path, _ in good])
    if sum(size for _, size in good) > limits.SIZE:
        complaints.append("The files are larger together than a package can be (8 PiB). Send several packages.")
    good.sort(key=lambda file: names.order(file[0]))
    return good, complaints


def _not_sealed(files: Sequence[tuple[str, int]]) -> list[str]:
    return [
        f"“{names.shown(path)}” does not have the size of an encrypted file. Load the page again, then send it."
        for path, size in files
        if envelopes.open_size(size) is None
    ]


def _bounded(sentences: list[str]) -> list[str]:
    """Return the first sentences, and how many more there are."""
    if len(sentences) <= SENTENCES:
        return sentences
    return [*sentences[:SENTENCES], f"And {len(sentences) - SENTENCES:,} more like these."]
