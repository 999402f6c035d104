"""What rules may read of people, fetched for many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from posthouse.accounts.models import User
from posthouse.homes.engine import Engine, Person

_OWN = (
    "id",
    "home_id",
    "home_by_hand",
    "placement__kind",
    "placement__home_id",
    "placement__rule_id",
    "placement__basis",
    "placement__by",
    "placement__at",
    "login",
    "email",
    "directory",
)
_ENTRY = ("entry__dn", "entry__groups", "entry__fields")


@dataclass(frozen=True)
class Row:
    """A person, where he lives, and why that was decided."""

    person: Person
    id: UUID
    home: UUID | None
    by_hand: bool
    kind: str | None
    decided_home: UUID | None
    rule: UUID | None
    basis: str | None
    by: str | None
    at: datetime | None


def placeable() -> QuerySet[User]:
    """Return whom this server places: not its local accounts, which live here."""
    return User.objects.present().filter(local=False)


def outdated(engine: Engine, *, everybody: bool = False) -> QuerySet[User]:
    """Return whom other rules have placed than those of the engine would, perhaps: they must be looked at."""
    found = placeable().filter(home_by_hand=False)
    if everybody:
        return found
    return found.exclude(placement__basis__in=engine.bases)


def rows(people: QuerySet[User], engine: Engine) -> list[Row]:
    """Return people with what the engine's rules read of them, in one query."""
    return list(_rows(people, with_entry=engine.reads_directory))


def person(user: User) -> Person:
    """Return all that rules may read of one person."""
    return next(_rows(User.objects.filter(pk=user.pk), with_entry=True)).person


def _rows(people: QuerySet[User], *, with_entry: bool) -> Iterator[Row]:
    columns = _OWN + (_ENTRY if with_entry else ())
    values: tuple[Any, ...]
    for values in people.values_list(*columns):
        login, email, directory = values[len(_OWN) - 3 : len(_OWN)]
        dn, groups, fields = values[len(_OWN) :] or (None, None, None)
        # Without a row of the directory there is nothing that its patterns could match.
        known = Person(email, login, directory is not None, dn or "", groups or (), fields or {})
        yield Row(known, *values[: len(_OWN) - 3])
