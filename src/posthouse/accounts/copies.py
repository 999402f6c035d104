"""Accounts as a CSV file: what a conversion overwrites can be kept, and made again from the file (M2, D4).

An account that comes back has the id that it had, so that its packages are its own again. A spreadsheet would take
some texts for formulas: they get a quote before them, and reading takes it away again.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import identify_hasher
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from posthouse.accounts import signals
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.cluster import servers
from posthouse.cluster.models import Server

PLAIN = ("login", "name", "email", "role", "is_active", "home_by_hand", "permissions", "quota", "package_limit")
COLUMNS = ("id", *PLAIN, "home", "workgroups")
PASSWORD = "password"  # noqa: S105 - the name of a column
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
MOST_TOLD = 100
HERE = "This account is here already, and was left as it is."


class NoFile(ValueError):
    """What came is not a file of accounts; the message says what is wrong with it."""


@dataclass
class Outcome:
    """What became of a file."""

    made: int = 0
    back: int = 0
    """Removed accounts that are here again."""
    left: int = 0
    """Lines of which nothing came."""
    reasons: list[str] = field(default_factory=list)
    """Why, for the first of them."""

    @property
    def complete(self) -> bool:
        """Whether something came of every line."""
        return not self.left


def overwritten() -> QuerySet[User]:
    """Return the accounts that a conversion overwrites: administrators keep theirs, as local ones."""
    return User.objects.present().filter(local=False).exclude(role=User.Role.ADMINISTRATOR).order_by("login")


def export(people: QuerySet[User], *, passwords: bool) -> Iterator[str]:
    """Yield the lines of a file with these accounts; with their passwords' hashes only if that is wanted."""
    columns = (*COLUMNS, PASSWORD) if passwords else COLUMNS
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    groups = _groups()
    writer.writerow(columns)
    for person in people.select_related("home").iterator(chunk_size=2_000):
        facts = {name: getattr(person, name) for name in (*PLAIN, PASSWORD)}
        facts |= {
            "id": person.pk,
            "home": person.home.name if person.home else "",
            "workgroups": json.dumps(groups.get(person.pk, []), ensure_ascii=False),
        }
        writer.writerow(_harmless(facts[column]) for column in columns)
        if buffer.tell() > io.DEFAULT_BUFFER_SIZE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def restore(text: str) -> Outcome:
    """Make the accounts of a file again. One that is here is left alone; a line that does not fit is told of.

    Raises NoFile.
    """
    lines = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = [column for column in ("login", "name", "email") if column not in (lines.fieldnames or [])]
        if missing:
            raise NoFile(f"The file has no column {missing[0]}: it is not one that Export the accounts has made.")
        return _restore(lines)
    except csv.Error as error:
        raise NoFile(f"Line {lines.line_num} cannot be read: {error}.") from error


def _restore(lines: csv.DictReader[str]) -> Outcome:
    outcome, homes = Outcome(), {server.name: server for server in (servers.this(), *servers.others())}
    ids = set()
    with transaction.atomic():
        for line in lines:
            row = {name: _text(value) for name, value in line.items() if isinstance(name, str)}
            try:
                with transaction.atomic():
                    person, known = _person(row, homes)
                    if person is None:
                        raise ValidationError(HERE)
                    person.full_clean(exclude=[PASSWORD])
                    person.save()
                    _join(person, row.get("workgroups", ""))
            except (ValidationError, ValueError, TypeError, IntegrityError) as error:
                outcome.left += 1
                if len(outcome.reasons) < MOST_TOLD:
                    outcome.reasons.append(f"Line {lines.line_num}, {row.get('login', '')}: {_sentence(error)}")
                continue
            ids.add(person.pk)
            outcome.back += known
            outcome.made += not known
        if ids:
            signals.people_changed.send(User, ids=ids)
    return outcome


def _person(row: dict[str, str], homes: dict[str, Server]) -> tuple[User | None, bool]:
    """Return the person of a line, and whether the account was here once; None when it is here now."""
    known = User.objects.filter(pk=UUID(row["id"])).first() if row.get("id") else None
    if known is not None and known.removed_at is None:
        return None, True
    person = known or User(**({"id": UUID(row["id"])} if row.get("id") else {}))
    for name in PLAIN:
        if name in row:
            kind = User._meta.get_field(name)
            empty = None if getattr(kind, "null", False) else ""
            setattr(person, name, kind.to_python(row[name]) if row[name] else empty)  # type: ignore[union-attr]
    person.home = homes.get(row.get("home", "")) or servers.this()
    person.local, person.removed_at = False, None
    person.password = _hash(row.get(PASSWORD, ""))
    if not person.password:
        person.set_unusable_password()
    return person, known is not None


def _hash(text: str) -> str:
    """Return a password's hash if it is one that this server can compare; nothing otherwise."""
    try:
        identify_hasher(text)
    except ValueError:
        return ""
    return text


def _join(person: User, text: str) -> None:
    """Put a person into the workgroups that a line names; those that are missing are made."""
    for name, is_administrator in json.loads(text or "[]"):
        group = Workgroup.objects.filter(name__iexact=name, removed_at=None).first()
        if group is None:
            group = Workgroup(name=name)
            group.full_clean()
            group.save()
        facts = {"is_administrator": bool(is_administrator)}
        if not Membership.objects.filter(user_id=person.pk, workgroup_id=group.pk).update(**facts):
            Membership.objects.create(user_id=person.pk, workgroup_id=group.pk, **facts)


def _groups() -> dict[UUID, list[list[Any]]]:
    found: dict[UUID, list[list[Any]]] = defaultdict(list)
    rows = Membership.objects.filter(workgroup__removed_at=None).order_by("workgroup__name")
    for user, name, is_administrator in rows.values_list("user_id", "workgroup__name", "is_administrator").iterator():
        found[user].append([name, is_administrator])
    return found


def _harmless(value: Any) -> Any:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _text(value: str | Sequence[str] | None) -> str:
    text = value if isinstance(value, str) else ""
    return text[1:] if text.startswith("'") else text


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, IntegrityError):
        return "Another account has its user name."
    return "It holds a value that cannot be read."
