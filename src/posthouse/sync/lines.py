"""A shared row as one line of text, the same on every database: what is digested, compared and sent.

The database makes the lines, which is ten times faster than making objects of the rows. They are in the form that
PostgreSQL's COPY reads: columns between tabs; \\N for NULL; backslash, tab, newline and return escaped. Ids and other
UUIDs are 32 hex digits, truth is 1 or 0, times are UTC with microseconds. Parts are the last column: the keys with
their flags behind them, in the order of the keys, between commas.

A row's bucket is the end of its id, whose digits are random there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

from posthouse.sync.shared import Part, Shared

NULL = "\\N"
ID = 32
BUCKET = slice(28, 32)
"""The digits of an id that name its bucket: 65,536 of them, so that one has some 15 of a million rows."""
BUCKETS = 16 ** (BUCKET.stop - BUCKET.start)
PIECE = 2_000
"""Lines that are fetched from the database at once."""

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_MEANINGS = {written: meant for meant, written in _ESCAPES.items()}
_PATTERNS: dict[type[Any], str] = {
    models.UUIDField: "[0-9a-f]{32}",
    models.BooleanField: "[01]",
    models.IntegerField: "-?[0-9]{1,19}",
    models.DateTimeField: r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}",
}
_TEXT = r"[^\t\n\r\\]*(?:\\[\\tnr][^\t\n\r\\]*)*"


def read(shared: Shared, where: str = "", values: Sequence[Any] = (), limit: int = 0) -> Iterator[str]:
    """Yield the lines of the shared rows for which a condition in SQL holds, in the order of their ids.

    The rows are fetched in pieces: memory does not grow with their number.
    """
    conditions = " AND ".join([scope(shared), *([f"({where})"] if where else [])])
    sql = f"SELECT {_line(shared, connection.vendor)} FROM {shared.table} WHERE {conditions} ORDER BY id"
    tidy = _tidier(shared)
    with connection.cursor() if limit else connection.chunked_cursor() as cursor:
        cursor.execute(f"{sql} LIMIT {limit}" if limit else sql, list(values))
        while rows := cursor.fetchmany(PIECE):
            if tidy is None:
                for (line,) in rows:
                    yield line
            else:
                yield from (tidy(line) for (line,) in rows)


def scope(shared: Shared) -> str:
    """Return the SQL for which rows are shared."""
    return " AND ".join(column if wanted else f"NOT {column}" for column, wanted in shared.scope.items()) or "1 = 1"


def bucket(vendor: str, column: str = "id") -> str:
    """Return the SQL for the bucket of the row with an id."""
    return (
        f"substr({column}, 29)" if vendor == "sqlite" else f"right(encode(uuid_send({column}), 'hex'), 4) COLLATE \"C\""
    )


def among(column: str, keys: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the SQL that says that a column is one of some UUIDs, and its values."""
    if connection.vendor == "sqlite":
        return f"{column} IN (SELECT value FROM json_each(%s))", [json.dumps(keys)]
    return f"{column} = ANY(%s::uuid[])", [list(keys)]


def in_buckets(names: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the SQL that says that a row is in one of some buckets, and its values."""
    return f"{bucket(connection.vendor)} IN ({', '.join(['%s'] * len(names))})", list(names)


def between(after: str, last: str) -> tuple[str, list[Any]]:
    """Return the SQL that says that an id is behind one, up to another; empty ones are the ends."""
    cast = "" if connection.vendor == "sqlite" else "::uuid"
    ends = [(f"id > %s{cast}", after), (f"id <= %s{cast}", last)]
    return " AND ".join(sql for sql, value in ends if value) or "1 = 1", [value for _, value in ends if value]


def is_line(shared: Shared, text: str) -> bool:
    """Return whether a text has the form of a line of this model."""
    return _pattern(shared).fullmatch(text) is not None


def split(line: str) -> list[str | None]:
    """Return the columns of a line as the database takes them, and the parts as they are."""
    columns: list[str | None] = [None if text == NULL else text for text in line.split("\t")]
    if "\\" in line:
        return [unescape(text) if text and "\\" in text else text for text in columns]
    return columns


def is_present(shared: Shared, line: str) -> bool:
    """Return whether a row is not marked as removed."""
    return line.split("\t", shared.removal + 1)[shared.removal] == NULL


def parts(shared: Shared, line: str) -> str:
    """Return the parts of a row, as they are written."""
    return line[line.rindex("\t") + 1 :] if shared.part else ""


def escape(text: str) -> str:
    """Return a text as it is written in a line."""
    return re.sub(r"[\\\t\n\r]", lambda found: _ESCAPES[found[0]], text)


def unescape(text: str) -> str:
    """Return what is meant by a text in a line."""
    return re.sub(r"\\[\\tnr]", lambda found: _MEANINGS[found[0]], text)


@cache
def _line(shared: Shared, vendor: str) -> str:
    columns = [
        f"coalesce({_column(kind, name, vendor)}, '{NULL}')"
        for kind, name in zip(shared.kinds, shared.fields, strict=True)
    ]
    if shared.part:
        columns.append(_parts(shared.part, shared.table, vendor))
    tab = "char(9)" if vendor == "sqlite" else "chr(9)"
    return f" || {tab} || ".join(columns)


def _column(kind: models.Field[Any, Any], name: str, vendor: str) -> str:
    if vendor == "sqlite":
        match kind:
            case models.UUIDField() | models.BooleanField() | models.IntegerField():
                return name
            case models.DateTimeField():  # Django leaves out microseconds that are none
                return f"CASE length({name}) WHEN 19 THEN {name} || '.000000' ELSE {name} END"
        return _escaped(name, "char")
    match kind:
        case models.UUIDField():
            return f"encode(uuid_send({name}), 'hex')"
        case models.BooleanField():
            return f"{name}::int::text"
        case models.IntegerField():
            return f"{name}::text"
        case models.DateTimeField():
            return f"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return _escaped(f"{name}::text", "chr")


def _escaped(column: str, character: str) -> str:
    for meant, written in _ESCAPES.items():
        column = f"replace({column}, {character}({ord(meant)}), '{written}')"
    return column


def _parts(part: Part, table: str, vendor: str) -> str:
    rows = f"FROM {part.model._meta.db_table} WHERE {part.owner} = {table}.id"
    if vendor == "sqlite":
        item = " || ".join([part.key, *part.flags])
        return f"coalesce((SELECT group_concat(item) FROM (SELECT {item} AS item {rows} ORDER BY {part.key})), '')"
    item = " || ".join([f"encode(uuid_send({part.key}), 'hex')", *(f"{flag}::int" for flag in part.flags)])
    return f"coalesce((SELECT string_agg({item}, ',' ORDER BY {part.key}) {rows}), '')"


def _tidier(shared: Shared) -> Any:
    """Return what makes one text of the many that mean the same JSON; None when there is none."""
    places = [place for place, kind in enumerate(shared.kinds) if isinstance(kind, models.JSONField)]
    if not places:
        return None

    def tidy(line: str) -> str:
        columns = line.split("\t")
        for place in (place for place in places if columns[place] != NULL):
            value = json.loads(unescape(columns[place]))
            columns[place] = escape(json.dumps(value, sort_keys=True, separators=(",", ":")))
        return "\t".join(columns)

    return tidy


@cache
def _pattern(shared: Shared) -> re.Pattern[str]:
    columns = []
    for kind, name in zip(shared.kinds, shared.fields, strict=True):
        text = next((found for family, found in _PATTERNS.items() if isinstance(kind, family)), _TEXT)
        columns.append(f"(?:{text}|\\\\N)" if shared.model._meta.get_field(name).null else text)
    if shared.part:
        item = f"[0-9a-f]{{32}}[01]{{{len(shared.part.flags)}}}"
        columns.append(f"(?:{item}(?:,{item})*)?")
    return re.compile("\t".join(columns))
