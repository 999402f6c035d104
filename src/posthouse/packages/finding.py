"""Finding packages by words, however many there are: newest first, page by page, and only what somebody may see.

Each package has a place in the index: a number, which grows with the time at which it came here, and words. Among the
words are marks for who sent it and who receives it, so that the database itself puts a person's few packages and the
many with a frequent word together. Words of private recipients, which not everybody may see, are marked, too.

SQLite keeps the words in an FTS5 table, PostgreSQL in a tsvector with a GIN index; neither cuts words by itself.
What the index yields goes through the same query as the list that is searched: the index alone shows nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Model, QuerySet

from posthouse.accounts.models import User
from posthouse.packages import tokens
from posthouse.packages.models import Package, Place

Row = TypeVar("Row", bound=Model)
SENT_BY, SENT_TO, HIDDEN = "@s", "@r", "="
"""Marks of words that no text yields: they hold no letter and no digit."""
PEOPLE = 20_000
"""Recipients whose mark is kept; a package has fewer."""
CHUNK = 900
SCAN = 20_000
"""Places that one question looks at; the next page goes on behind them."""
NEWEST = 3000
"""Places of which PostgreSQL looks at each by itself, before it asks the index for all others."""


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
    _write(place.number, _words(package))


def renew(package_id: UUID) -> None:
    """Take over how the people of a package are called now."""
    package = Package.objects.select_related("sender").get(pk=package_id)
    with transaction.atomic():
        place = Place.objects.select_for_update().filter(package=package).first()
        if place is not None:
            _write(place.number, _words(package))


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
    query = _query(tokens.asked(text), mark, hidden=hidden)
    found: list[Row] = []
    if not query:
        return Found([], None)
    looked = 0
    while looked < SCAN:
        numbers = _numbers(query, behind, CHUNK if looked else min(4 * size, CHUNK))
        here = rows.filter(**{f"{place}__number__in": numbers}).annotate(number=F(f"{place}__number"))
        found += here.order_by("-number")[: size + 1 - len(found)]
        if len(found) > size:
            last: Any = found[size - 1]
            return Found(found[:size], last.number)
        if not numbers:
            return Found(found, None)
        looked += len(numbers)
        behind = numbers[-1]
    return Found(found, behind)


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
    return [*marks, *(f"{HIDDEN}{word}" for word in hidden), *plain]


def _both(first: Iterable[str], second: Iterable[str]) -> Iterator[str]:
    yield from first
    yield from second


def _query(words: list[tokens.Asked], mark: str, *, hidden: bool) -> str:
    """Return a question in the language of the database; empty when there is no word. Words are letters and digits."""
    if not words:
        return ""
    sqlite = connection.vendor == "sqlite"

    def one(word: str, *, beginning: bool) -> str:
        if sqlite:
            return f'"{word}"{"*" if beginning else ""}'
        return f"'{word}'{':*' if beginning else ''}"

    either, both = (" OR ", " AND ") if sqlite else (" | ", " & ")
    parts = [one(mark, beginning=False)] if mark else []
    for each in words:
        part = one(each.word, beginning=each.beginning)
        if hidden:
            part = f"({part}{either}{one(HIDDEN + each.word, beginning=each.beginning)})"
        parts.append(part)
    return both.join(parts)


def _write(number: int, words: list[str]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "INSERT OR REPLACE INTO packages_words (rowid, words) VALUES (%s, %s)", [number, " ".join(words)]
            )
        else:
            cursor.execute("UPDATE packages_place SET words = array_to_tsvector(%s) WHERE number = %s", [words, number])


def _numbers(query: str, behind: int | None, count: int) -> list[int]:
    """Return the numbers of the next places that answer a question, newest first."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT rowid FROM packages_words WHERE packages_words MATCH %s AND rowid < %s"
                " ORDER BY rowid DESC LIMIT %s",
                [query, 2**62 if behind is None else behind, count],
            )
            return [number for (number,) in cursor.fetchall()]
        return _postgresql(cursor, query, behind, count)


def _postgresql(cursor: Any, query: str, behind: int | None, count: int) -> list[int]:
    """Look at the newest by themselves: the index would bring all that have a frequent word, only to sort them."""
    edge = 2**62 if behind is None else behind
    cursor.execute(
        "SELECT number FROM (SELECT number, words FROM packages_place WHERE number < %s ORDER BY number DESC LIMIT %s)"
        " AS newest WHERE words @@ %s::tsquery ORDER BY number DESC LIMIT %s",
        [edge, NEWEST, query, count],
    )
    numbers = [number for (number,) in cursor.fetchall()]
    if len(numbers) == count:
        return numbers
    cursor.execute(
        "SELECT number FROM packages_place WHERE words @@ %s::tsquery AND number < %s ORDER BY number DESC LIMIT %s",
        [query, edge, count],
    )
    return [number for (number,) in cursor.fetchall()]
