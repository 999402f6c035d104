"""A new package, before its first byte: what its sender wrote, checked and stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from posthouse.accounts import permissions, workgroups
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import lifecycle, limits, names, policies, quotas
from posthouse.packages.models import Delivery, File, Package
from posthouse.store import blobs

BATCH = 500
"""Names per query: databases bound the number of values in one."""
SENTENCES = 20
"""At most so many complaints about one field; a folder of 20,000 bad names needs no more."""


class Refused(Exception):
    """The package was not made; `errors` holds sentences for each field (title, note, recipients, files)."""

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


def create(
    sender: User,
    title: str,
    note: str,
    recipients: Sequence[str],
    files: Sequence[tuple[str, int]],
    key: str = "",
    *,
    private: Sequence[str] = (),
    terms: Terms = Terms(),
    contents: Mapping[str, UUID] | None = None,
    forwarded_from: UUID | None = None,
) -> Package:
    """Return a new package that awaits its files, or raise Refused with all that is wrong with it.

    Recipients are log-in names in any case; somebody named twice gets it once; the sender may name himself. The
    `private` ones get it too, and the others are not told of them. Files are (path, size in bytes); `contents` has, by
    path, the blobs of all of them where they are in the store already. A package of nothing but empty files is closed
    at once. A sender who uses a `key` again gets the package that he made with it: it never comes to be twice because
    an answer was lost.
    """
    if key and (package := _made_before(sender, key)):
        return package
    if not contents and not permissions.may(sender, permissions.UPLOAD):
        raise Refused({"files": [permissions.UPLOAD.refusal]})
    errors: dict[str, list[str]] = {}
    title, note = _line(title), _text(note)
    if not title:
        errors["title"] = ["Give the package a title."]
    elif len(title) > limits.TITLE:
        errors["title"] = [f"The title has {len(title)} characters; {limits.TITLE} is the most. Shorten it."]
    if len(note) > limits.NOTE:
        errors["note"] = [f"The note has {len(note):,} characters; {limits.NOTE:,} is the most. Shorten it."]
    people, complaints = _people(sender, [*recipients, *private])
    if complaints:
        errors["recipients"] = complaints
    hidden = {_line(login).lower() for login in private} - {_line(login).lower() for login in recipients}
    kept, complaints = policies.settle(terms.keep_days, terms.after_download, terms.release_at)
    if complaints:
        errors["terms"] = complaints
    paths, complaints = _files(files)
    if complaints:
        errors["files"] = complaints
    if errors:
        raise Refused({field: _bounded(sentences) for field, sentences in errors.items()})

    here = servers.this()
    homes = {person.pk: lifecycle.home_of(person, here) for person in people}
    package = Package(title=title, note=note, sender=sender, origin=here, key=key, forwarded_from=forwarded_from)
    package.keep_days, package.after_download, package.release_at = kept
    package.file_count = len(paths)
    package.size = sum(size for _, size in paths)
    try:
        with transaction.atomic():
            if not contents and (complaint := quotas.complaint(sender, package.size)):
                raise Refused({"files": [complaint]})
            _record(package, people, homes, paths, hidden=hidden, contents=contents or {})
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
    people: Sequence[User],
    homes: Mapping[UUID, UUID],
    paths: Sequence[tuple[str, int]],
    *,
    hidden: Collection[str],
    contents: Mapping[str, UUID],
) -> None:
    package.save(force_insert=True)
    Delivery.objects.bulk_create(
        (
            Delivery(
                package=package,
                recipient=person,
                home_id=homes[person.pk],
                private=person.login.lower() in hidden,
            )
            for person in people
        ),
        batch_size=BATCH,
    )
    # One empty blob serves all the empty files of the package.
    empty = blobs.create(0).pk if not contents and any(size == 0 for _, size in paths) else None
    File.objects.bulk_create(
        (
            File(
                package=package,
                number=number,
                path=path,
                size=size,
                blob_id=contents.get(path) or (None if size else empty),
            )
            for number, (path, size) in enumerate(paths)
        ),
        batch_size=BATCH,
    )
    if lifecycle.close_if_whole(package.pk):
        package.refresh_from_db()


def find(logins: Iterable[str]) -> dict[str, User]:
    """Return the active users with these log-in names, by name in lower case.

    A local account is found only where no account of the whole domain bears the name.
    """
    found: dict[str, User] = {}
    rest = iter({login.lower() for login in logins})
    while some := list(islice(rest, BATCH)):
        known = User.objects.annotate(lower=Lower("login")).filter(lower__in=some, removed_at=None, is_active=True)
        for user in known.order_by("-local"):
            found[user.login.lower()] = user
    return found


def _people(sender: User, logins: Sequence[str]) -> tuple[list[User], list[str]]:
    """Return the recipients, each once and in the order given, and what is wrong with them."""
    wanted = list(dict.fromkeys(name for login in logins if (name := _line(login).lower())))
    if not wanted:
        return [], ["Name at least one recipient."]
    if len(wanted) > limits.RECIPIENTS:
        return [], [f"The package has {len(wanted):,} recipients; {limits.RECIPIENTS:,} is the most."]
    found = find(wanted)
    complaints = [
        f"Nobody here is called “{names.shown(login)}”. Choose a name from the list, or ask an administrator "
        "whether the account is active."
        for login in wanted
        if login not in found
    ]
    people = [found[login] for login in wanted if login in found]
    if not permissions.may(sender, permissions.EVERYONE):
        near = workgroups.colleagues(sender, [person.pk for person in people]) | {sender.pk}
        complaints += [
            f"You may not send to {person}: you may send to the people of your workgroups only."
            for person in people
            if person.pk not in near
        ]
    if sender.local and any(not person.local for person in people):
        here = servers.this()
        complaints += [
            f"{person} lives on another server, which does not know your account: it belongs to this server only. "
            "Send from an account of the whole domain."
            for person in people
            if lifecycle.home_of(person, here) != here.id
        ]
    return people, complaints


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


def _line(text: str) -> str:
    """Return the text as one line: every run of spaces, line ends and control characters is one space."""
    return " ".join(_text(text).split())


def _text(text: str) -> str:
    """Return plain text that every database takes: control characters, which nobody can see, are left out."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or c.isprintable() or not names.hidden(c)).strip()


def _bounded(sentences: list[str]) -> list[str]:
    """Return the first sentences, and how many more there are."""
    if len(sentences) <= SENTENCES:
        return sentences
    return [*sentences[:SENTENCES], f"And {len(sentences) - SENTENCES:,} more like these."]
