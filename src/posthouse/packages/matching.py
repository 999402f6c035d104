"""Asking the index of packages, in the way of each database: places that have some words, newest first.

SQLite keeps the words in an FTS5 table, PostgreSQL in a tsvector with a GIN index; neither cuts words by itself.
FTS5 yields the newest first, and stops. GIN yields all, in no order: that is quick where few packages have the words.
Where many have them, it is quicker to look at the newest packages one by one; so both ways are gone on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction

from posthouse.packages import tokens

HIDDEN = "="
"""Marks words that only whoever may see private recipients finds; no text yields it."""
CHUNK = 900
"""Places that are handed out at once."""
NEWEST = 3000
"""Places of which PostgreSQL looks at each by itself, before it asks the index."""
DENSE = 10
"""If so many of the newest have the words, ten times as many are looked at before the index is asked.

If so many of the newest have a mark, it is not looked for alone.
"""
FEW = 1000
"""If no more places have a mark, PostgreSQL looks at each by itself for the words."""

_LOOK = """
    SELECT number FROM
        (SELECT number, words FROM packages_place WHERE number < %s ORDER BY number DESC LIMIT %s) AS newest
    WHERE words @@ %s::tsquery ORDER BY number DESC LIMIT %s
"""
_COUNT = """
    SELECT count(*) FROM (SELECT words FROM packages_place WHERE number < %s ORDER BY number DESC LIMIT %s) AS newest
    WHERE words @@ %s::tsquery
"""
# From where on the words may be frequent: found by looking at 200 places each after 32 steps over all that there are.
_FREQUENT = """
    SELECT max(low) - max(step) FROM
        (SELECT min(number) AS oldest, least(max(number), %s) AS newest FROM packages_place) AS ends,
        LATERAL (SELECT (newest - oldest) / 32 + 1 AS step) AS steps,
        generate_series(oldest, newest, step) AS low
    WHERE 4 <= (
        SELECT count(*) FROM (SELECT words FROM packages_place WHERE number >= low ORDER BY number LIMIT 200) AS part
        WHERE words @@ %s::tsquery
    )
"""
_ASK = (
    "SELECT number FROM packages_place WHERE words @@ %s::tsquery AND number >= %s AND number < %s"
    " ORDER BY number DESC LIMIT %s"
)
_THEIRS = "SELECT number, words @@ %s::tsquery FROM packages_place WHERE words @@ %s::tsquery AND number < %s LIMIT %s"
# The planner takes it that words are spread evenly over the time, and come together as often as by chance: for two
# frequent words that never do it would look at all places, newest first. Told that rows are dear, it puts the numbers
# of an index together with those of the other before it reads any. The memory is for ten million places.
_BY_INDEX = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL cpu_tuple_cost = 1;"
    " SET LOCAL jit = off; SET LOCAL work_mem = '32MB'"
)


def write(number: int, words: list[str]) -> None:
    """Put a place with these words and marks into the index, or put them in the place of its former ones."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "INSERT OR REPLACE INTO packages_words (rowid, words) VALUES (%s, %s)", [number, " ".join(words)]
            )
        else:
            cursor.execute("UPDATE packages_place SET words = array_to_tsvector(%s) WHERE number = %s", [words, number])


def places(
    words: list[tokens.Asked], mark: str, behind: int | None, first: int, most: int, *, hidden: bool = False
) -> Iterator[list[int]]:
    """Yield the numbers of places that have all words, and the mark if one is given, newest first, in lists.

    Only those behind a number, if it is given. The first list has at most `first`; all together may end after `most`.
    `hidden` words count, too, if that is said. Not for use in a transaction: it changes how PostgreSQL plans there.
    """
    before = 2**62 if behind is None else behind
    if connection.vendor == "sqlite":
        parts = [f'"{mark}"'] if mark else []
        parts += [_either(word, '"{}"', '"{}"*', " OR ", hidden=hidden) for word in words]
        return _sqlite(" AND ".join(parts), before, first)
    query = " & ".join(_either(word, "'{}'", "'{}':*", " | ", hidden=hidden) for word in words)
    return _postgresql(query, f"'{mark}'" if mark else "", before, first, most)


def _either(asked: tokens.Asked, whole: str, beginning: str, either: str, *, hidden: bool) -> str:
    """Return what asks a database for one word; it is made of letters and digits only."""
    form = beginning if asked.beginning else whole
    seen = form.format(asked.word)
    return f"({seen}{either}{form.format(HIDDEN + asked.word)})" if hidden else seen


def _sqlite(query: str, behind: int, count: int) -> Iterator[list[int]]:
    while numbers := _numbers(
        "SELECT rowid FROM packages_words WHERE packages_words MATCH %s AND rowid < %s ORDER BY rowid DESC LIMIT %s",
        [query, behind, count],
    ):
        yield numbers
        if len(numbers) < count:
            return
        behind, count = numbers[-1], CHUNK


def _postgresql(words: str, mark: str, behind: int, count: int, most: int) -> Iterator[list[int]]:
    query = f"{mark} & {words}" if mark else words
    newest = NEWEST
    while len(numbers := _numbers(_LOOK, [behind, newest, query, count])) >= min(DENSE, count):
        yield numbers
        behind = numbers[-1]
        if len(numbers) == count:
            count = CHUNK
        elif newest == NEWEST:
            newest *= 10
        else:
            break
    if mark and _numbers(_COUNT, [behind, NEWEST, mark])[0] < DENSE:
        theirs = _by_index(_THEIRS, [words, mark, behind, FEW + 1])
        if len(theirs) <= FEW:
            yield from _chunks(sorted((number for number, fits in theirs if fits), reverse=True), count)
            return
    for oldest in (*_numbers(_FREQUENT, [behind, query]), -(2**62)):
        if oldest is not None:
            yield from _chunks([number for (number,) in _by_index(_ASK, [query, oldest, behind, most])], count)
            behind = oldest


def _chunks(numbers: list[int], count: int) -> Iterator[list[int]]:
    while numbers:
        yield numbers[:count]
        numbers, count = numbers[count:], CHUNK


def _numbers(question: str, values: list[int | str]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        return [number for (number,) in cursor.fetchall()]


def _by_index(question: str, values: list[int | str]) -> list[tuple[int, ...]]:
    """Return what PostgreSQL answers without going through the places one by one."""
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_BY_INDEX)
        cursor.execute(question, values)
        rows: list[tuple[int, ...]] = cursor.fetchall()
    return rows
