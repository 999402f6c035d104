"""Writing many shared rows at once, each database in the way that is fastest there. Within the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, models
from django.utils import timezone

from posthouse.sync import lines
from posthouse.sync.shared import Part, Shared


def write(shared: Shared, rows: Sequence[str], parts_of: Sequence[str]) -> None:
    """Write rows, given as lines, over those with the same ids, or make them.

    All parts are written anew of those whose ids are in `parts_of`. Raises what the database raises.
    """
    if shared.part:
        where, values = lines.among(shared.part.owner, parts_of)
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {shared.part.model._meta.db_table} WHERE {where}", values)
    if connection.vendor == "sqlite":
        _sqlite(shared, rows, set(parts_of))
    else:
        _postgresql(shared, rows)


def remove(shared: Shared, where: str, values: Sequence[Any]) -> int:
    """Mark rows as removed, softly, and return how many were not marked so before."""
    facts = {"removed_at": timezone.now(), **shared.on_removal}
    setting = ", ".join(f"{name} = %s" for name in facts)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {shared.table} SET {setting} WHERE removed_at IS NULL AND {lines.scope(shared)} AND {where}",
            [*(_prepared(shared, name, value) for name, value in facts.items()), *values],
        )
        return int(cursor.rowcount)


def make_way(shared: Shared, names: Sequence[str], keep: dict[str, str]) -> None:
    """Free names that rows are about to have, whatever their case, from rows with other ids.

    Such a row is in the same batch, or comes in a later one because its name has changed at the master too, or the
    master does not have it. So it is marked as removed; the master's word on it, if there is one, undoes that.
    `keep` has the names that rows of the batch have, by id: who has his name already stays.
    """
    column = shared.unique
    if connection.vendor == "sqlite":
        wanted, given = "SELECT lower(value) FROM json_each(%s)", json.dumps(names)
    else:
        wanted, given = "SELECT lower(value) FROM unnest(%s::text[]) AS value", list(names)  # type: ignore[assignment]
    sql = (
        f"SELECT {_hex('id')}, {column} FROM {shared.table}"
        f" WHERE removed_at IS NULL AND {lines.scope(shared)} AND lower({column}) IN ({wanted})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [given])
        in_the_way = [pk for pk, name in cursor.fetchall() if keep.get(pk) != name]
    if in_the_way:
        remove(shared, *lines.among("id", in_the_way))


def may_go(shared: Shared) -> str:
    """Return the SQL for which rows may be removed because the master does not have them."""
    return " AND ".join(f"NOT {column}" for column in shared.stays) or "1 = 1"


def _sqlite(shared: Shared, rows: Sequence[str], parts_of: set[str]) -> None:
    own = _own(shared)
    names = [*shared.fields, *own]
    sql = (
        f"INSERT INTO {shared.table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
        f" ON CONFLICT (id) DO UPDATE SET {_overwritten(shared)}"
    )
    count, more = len(shared.fields), list(own.values())
    with connection.cursor() as cursor:
        cursor.executemany(sql, [[*lines.split(line)[:count], *more] for line in rows])
        if shared.part:
            part = shared.part
            names = [part.owner, part.key, *part.flags]
            cursor.executemany(
                f"INSERT INTO {part.model._meta.db_table} ({', '.join(names)})"
                f" VALUES ({', '.join(['%s'] * len(names))})",
                list(_parts(rows, parts_of)),
            )


def _parts(rows: Sequence[str], parts_of: set[str]) -> Iterator[tuple[str, ...]]:
    for line in rows:
        owner = line[: lines.ID]
        written = line[line.rindex("\t") + 1 :]
        if written and owner in parts_of:
            for item in written.split(","):
                yield owner, item[: lines.ID], *item[lines.ID :]


def _postgresql(shared: Shared, rows: Sequence[str]) -> None:
    own = _own(shared)
    columns = ", ".join(shared.fields)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS sync_came")
        cursor.execute(f"CREATE TEMPORARY TABLE sync_came AS SELECT {columns} FROM {shared.table} WITH NO DATA")
        if shared.part:
            cursor.execute("ALTER TABLE sync_came ADD COLUMN parts text")
        with cursor.copy("COPY sync_came FROM STDIN") as copy:
            copy.write("\n".join(rows) + "\n")
        cursor.execute(
            f"INSERT INTO {shared.table} ({', '.join([*shared.fields, *own])})"
            f" SELECT {', '.join([columns, *['%s'] * len(own)])} FROM sync_came"
            f" ON CONFLICT (id) DO UPDATE SET {_overwritten(shared)}",
            list(own.values()),
        )
        if shared.part:
            _postgresql_parts(cursor, shared.part)
        cursor.execute("DROP TABLE sync_came")


def _postgresql_parts(cursor: Any, part: Part) -> None:
    # What is still there was not to be made anew.
    flags = [f"substr(item, {lines.ID + 1 + place}, 1) = '1'" for place in range(len(part.flags))]
    cursor.execute(
        f"INSERT INTO {part.model._meta.db_table} ({', '.join([part.owner, part.key, *part.flags])})"
        f" SELECT {', '.join(['id', f'substr(item, 1, {lines.ID})::uuid', *flags])}"
        " FROM sync_came, unnest(string_to_array(parts, ',')) AS item ON CONFLICT DO NOTHING"
    )


def _overwritten(shared: Shared) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in [*shared.fields[1:], *shared.scope])


def _own(shared: Shared) -> dict[str, Any]:
    """Return what a new row has in the columns that are not shared."""
    found: dict[str, Any] = {}
    for kind in shared.model._meta.concrete_fields:
        if kind.attname not in shared.fields:
            dated = getattr(kind, "auto_now_add", False) or getattr(kind, "auto_now", False)
            value = timezone.now() if dated else shared.scope.get(kind.attname, kind.get_default())
            found[kind.attname] = _prepared(shared, kind.attname, value)
    return found


def _prepared(shared: Shared, name: str, value: Any) -> Any:
    kind: models.Field[Any, Any] = shared.model._meta.get_field(name)  # type: ignore[assignment]
    return kind.get_db_prep_save(value, connection)


def _hex(column: str) -> str:
    return column if connection.vendor == "sqlite" else f"encode(uuid_send({column}), 'hex')"
