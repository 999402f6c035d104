"""Finding packages by words, however many there are: newest first, page by page, and only what somebody may see.

Each package has a place in the index: a number, which grows with the time at which it came here, and words. Among the
words are marks for who sent it and who receives it, so that the database itself puts a person's few packages and the
many with a frequent word together. Words of private recipients, which not everybody may see, are marked, too.
What the index yields goes through the same query as the list that is searched: the index alone shows nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, Model, QuerySet

from posthouse.accounts.models import User
from posthouse.packages import matching, tokens
from posthouse.packages.models import Package, Place

Row = TypeVar("Row", bound=Model)
SENT_BY, SENT_TO = "@s", "@r"
"""Marks of words that no text yields: they hold no letter and no digit."""
PEOPLE = 20_000
"""Recipients whose mark is kept; a package has fewer."""
SCAN = 20_000
"""Places that one question looks at; the next page goes on behind them."""


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A page of what was found, newest first; it looks like a page of a list."""

    rows: list[Row]
    behind: int | None
    """Where older ones begin; None when there are none."""
    has_previous = has_next = False

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


def add(package: Package, number: int | None = None) -> None:
    """Put a package into the index, in the transaction that makes it, when its recipients and files are there."""
    place = Place.objects.create(package=package, **({} if number is None else {"number": number}))
    matching.write(place.number, _words(package))


def renew(package_id: UUID) -> None:
    """Take over how the people of a package are called now."""
    package = Package.objects.select_related("sender").get(pk=package_id)
    with transaction.atomic():
        place = Place.objects.select_for_update().filter(package=package).first()
        if place is not None:
            matching.write(place.number, _words(package))


def sent_by(user: User) -> str:
    """Return the mark of what somebody sent."""
    return f"{SENT_BY}{user.pk.hex}"


def sent_to(user: User) -> str:
    """Return the mark of what somebody receives."""
    return f"{SENT_TO}{user.pk.hex}"


def find(
    rows: QuerySet[Row], place: str, text: str, behind: int | None, size: int, *, mark: str = "", hidden: bool = False
) -> Found[Row]:
    """Return those of the rows whose packages have all words of the text, newest first.

    `rows` are what this person may see, and `place` how they name their package's place. `mark` tells whose packages
    they are, unless they are all; `hidden` words count only for whoever may see private recipients.
    """
    words = tokens.asked(text)
    found: list[Row] = []
    looked = 0
    first = min(4 * size, matching.CHUNK)
    for numbers in matching.places(words, mark, behind, first, SCAN, hidden=hidden) if words else ():
        here = rows.filter(**{f"{place}__number__in": numbers}).annotate(number=F(f"{place}__number"))
        found += here.order_by("-number")[: size + 1 - len(found)]
        if len(found) > size:
            last: Any = found[size - 1]
            return Found(found[:size], last.number)
        looked += len(numbers)
        if looked >= SCAN:
            return Found(found, numbers[-1])
    return Found(found, None)


def _words(package: Package) -> list[str]:
    """Return all words and marks of a package. What its recipients see on its page comes first."""
    sender = package.sender
    marks = [sent_by(sender)]
    seen = [package.title, str(sender), sender.email, package.outside_sender, package.note]
    private: list[str] = []
    to = package.deliveries.select_related("recipient")
    for delivery in to.order_by("pk")[:PEOPLE].iterator(2000):
        person = delivery.recipient
        (private if delivery.private else seen).append(delivery.who)
        if person is not None:
            marks.append(sent_to(person))
            private.append(f"{person.login} {person.email}")  # nobody but the sender is shown these
    files = package.files.order_by("number").values_list("path", flat=True).iterator(2000)
    hidden, room = tokens.bounded(private, tokens.MOST_BYTES // 3)
    plain, _ = tokens.bounded(_both(seen, files), tokens.MOST_BYTES - tokens.MOST_BYTES // 3 + room)
    return [*marks, *(f"{matching.HIDDEN}{word}" for word in hidden), *plain]


def _both(first: Iterable[str], second: Iterable[str]) -> Iterator[str]:
    yield from first
    yield from second
