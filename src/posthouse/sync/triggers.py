"""Changes, numbered and listed by the database itself, so that no way of writing a row can forget them.

Whatever changes a shared column of a shared row, or one of its parts, or deletes it, gives the row's key the next
number of the one counter in the list of changes. The counter's row is locked until the transaction ends, so numbers
become visible in their own order: whoever has seen number N has seen all numbers below it. On PostgreSQL all rows of a
transaction carry one number, and each statement is looked at once, however many rows it writes; on SQLite each row has
its own.

`quiet` holds the triggers still, for a full copy: whoever uses it forgets the digest in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection as default
from django.db.backends.base.base import BaseDatabaseWrapper

from posthouse.sync import lines
from posthouse.sync.shared import SHARED, Part, Shared

_TRUNCATED = "UPDATE sync_counter SET value = value + 1, floor = value + 1"
_FORGOTTEN = "UPDATE sync_digest SET change = NULL, turn = turn + 1"


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers, or make them anew: Django drops SQLite's triggers and our indexes when it changes a table."""
    with connection.cursor() as cursor:
        for statement in _STATEMENTS[connection.vendor]():
            cursor.execute(statement)
        for shared in SHARED:
            expression = lines.bucket(connection.vendor)
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {shared.table}_in_bucket ON {shared.table} (({expression}), id)"
            )
        cursor.execute("INSERT INTO sync_digest (id, turn, root) VALUES (1, 0, '') ON CONFLICT (id) DO NOTHING")
        cursor.execute(
            "INSERT INTO sync_counter (id, value, floor, seen) VALUES (1, 1, 1, 1) ON CONFLICT (id) DO NOTHING"
        )
        if cursor.rowcount:  # a new count has no past, whatever the triggers wrote while the tables were emptied
            cursor.execute("DELETE FROM sync_change")
            cursor.execute(_FORGOTTEN)


def distrust(connection: BaseDatabaseWrapper) -> None:
    """Forget what was computed: rows may have changed while there were no triggers."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGOTTEN)


@contextmanager
def quiet() -> Iterator[None]:
    """Have the triggers hold still, inside a transaction."""
    with default.cursor() as cursor:
        if default.vendor == "sqlite":
            # Triggers that only look whether to do nothing cost as much as those that do. Nobody else sees them gone.
            statements = list(_sqlite())
            for statement in (each for each in statements if each.startswith("DROP")):
                cursor.execute(statement)
            yield
            for statement in statements:
                cursor.execute(statement)
        else:
            cursor.execute("SELECT set_config('posthouse.quiet', 'on', true)")
            yield
            cursor.execute("SELECT set_config('posthouse.quiet', '', true)")


def _sqlite() -> Iterator[str]:
    for shared in SHARED:
        columns = [*shared.fields[1:], *shared.scope]
        now, before = _is_shared(shared, "NEW"), _is_shared(shared, "OLD")
        differs = _differ(columns, "IS NOT")
        changed = f"({now} OR {before}) AND {differs}"
        yield from _sqlite_trigger(shared.table, "insert", "INSERT", now, [_noted(shared.name, "NEW.id")])
        event = f"UPDATE OF {', '.join(columns)}"
        yield from _sqlite_trigger(shared.table, "update", event, changed, [_noted(shared.name, "NEW.id")])
        yield from _sqlite_trigger(shared.table, "delete", "DELETE", before, [_noted(shared.name, "OLD.id")])
        if part := shared.part:
            table, new, old = part.model._meta.db_table, f"NEW.{part.owner}", f"OLD.{part.owner}"
            both = [_noted(shared.name, new), _noted(shared.name, old)]
            differs = _differ([part.owner, part.key, *part.flags], "IS NOT")
            yield from _sqlite_trigger(table, "insert", "INSERT", "1 = 1", both[:1])
            yield from _sqlite_trigger(table, "update", "UPDATE", differs, both)
            yield from _sqlite_trigger(table, "delete", "DELETE", "1 = 1", both[1:])


def _sqlite_trigger(table: str, name: str, event: str, when: str, noted: Sequence[str]) -> Iterator[str]:
    yield f"DROP TRIGGER IF EXISTS {table}_note_{name}"
    yield (
        f"CREATE TRIGGER {table}_note_{name} AFTER {event} ON {table}"
        f" WHEN {when}"
        f" BEGIN UPDATE sync_counter SET value = value + 1; {' '.join(noted)} END"
    )


def _noted(kind: str, key: str) -> str:
    # WHERE true: without it SQLite would take ON for a part of a join.
    return (
        "INSERT INTO sync_change (kind, key, number)"
        f" SELECT '{kind}', {key}, value FROM sync_counter WHERE true"
        " ON CONFLICT (kind, key) DO UPDATE SET number = excluded.number;"
    )


def _postgresql() -> Iterator[str]:
    yield from _FUNCTIONS
    for shared in SHARED:
        columns = [*shared.fields[1:], *shared.scope]
        now, before = _is_shared(shared, "fresh"), _is_shared(shared, "stale")
        changed = f"({now} OR {before}) AND {_differ(columns, 'IS DISTINCT FROM', 'stale', 'fresh')}"
        keys = {
            "insert": f"SELECT id FROM fresh WHERE {now}",
            "update": f"SELECT fresh.id FROM fresh JOIN stale ON fresh.id = stale.id WHERE {changed}",
            "delete": f"SELECT id FROM stale WHERE {before}",
        }
        yield from _postgresql_triggers(shared.table, shared.name, columns, keys)
        if shared.part:
            yield from _postgresql_part(shared.name, shared.part)


def _postgresql_part(name: str, part: Part) -> Iterator[str]:
    columns = ", ".join([part.owner, part.key, *part.flags])
    now, before = f"SELECT {columns} FROM fresh", f"SELECT {columns} FROM stale"
    table = part.model._meta.db_table
    keys = {
        "insert": f"SELECT DISTINCT {part.owner} FROM fresh",
        "update": (
            f"SELECT {part.owner} FROM ({now} EXCEPT {before}) AS made"
            f" UNION SELECT {part.owner} FROM ({before} EXCEPT {now}) AS ended"
        ),
        "delete": f"SELECT DISTINCT {part.owner} FROM stale",
    }
    yield from _postgresql_triggers(table, name, [part.owner, part.key, *part.flags], keys)


def _postgresql_triggers(table: str, kind: str, columns: Sequence[str], keys: dict[str, str]) -> Iterator[str]:
    watched = {"insert": "INSERT", "update": f"UPDATE OF {', '.join(columns)}", "delete": "DELETE"}
    tables = {
        "insert": "REFERENCING NEW TABLE AS fresh",
        "update": "REFERENCING OLD TABLE AS stale NEW TABLE AS fresh",
        "delete": "REFERENCING OLD TABLE AS stale",
    }
    for event, query in keys.items():
        yield _NOTE.format(function=f"{table}_noted_{event}", kind=kind, keys=query)
        # The counter is locked before any row is, so that two writers cannot each hold what the other one wants.
        yield f"DROP TRIGGER IF EXISTS {table}_lock_{event} ON {table}"
        yield f"CREATE TRIGGER {table}_lock_{event} BEFORE {watched[event]} ON {table} EXECUTE FUNCTION sync_lock()"
        yield f"DROP TRIGGER IF EXISTS {table}_note_{event} ON {table}"
        yield (
            f"CREATE TRIGGER {table}_note_{event} AFTER {event.upper()} ON {table} {tables[event]}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_noted_{event}()"
        )
    yield f"DROP TRIGGER IF EXISTS {table}_emptied ON {table}"
    yield f"CREATE TRIGGER {table}_emptied AFTER TRUNCATE ON {table} EXECUTE FUNCTION sync_emptied()"


def _is_shared(shared: Shared, row: str) -> str:
    return " AND ".join(f"{row}.{c}" if wanted else f"NOT {row}.{c}" for c, wanted in shared.scope.items()) or "1 = 1"


def _differ(columns: Sequence[str], unequal: str, before: str = "OLD", now: str = "NEW") -> str:
    return "(" + " OR ".join(f"{before}.{column} {unequal} {now}.{column}" for column in columns) + ")"


_NOTE = """
    CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        keys uuid[];
        next bigint;
    BEGIN
        IF current_setting('posthouse.quiet', true) = 'on' THEN
            RETURN NULL;
        END IF;
        keys := ARRAY({keys});
        IF cardinality(keys) > 0 THEN
            next := sync_number();
            INSERT INTO sync_change (kind, key, number) SELECT '{kind}', unnest(keys), next
                ON CONFLICT (kind, key) DO UPDATE SET number = excluded.number;
        END IF;
        RETURN NULL;
    END $$
"""

_FUNCTIONS = (
    """
    CREATE OR REPLACE FUNCTION sync_lock() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM value FROM sync_counter FOR UPDATE;
        RETURN NULL;
    END $$
    """,
    # One number for each transaction: raising one row once per statement would fill it with dead versions.
    """
    CREATE OR REPLACE FUNCTION sync_number() RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE
        given text := current_setting('posthouse.change', true);
        number bigint;
    BEGIN
        IF given IS NOT NULL AND given <> '' THEN
            RETURN given::bigint;
        END IF;
        UPDATE sync_counter SET value = value + 1 RETURNING value INTO number;
        PERFORM set_config('posthouse.change', number::text, true);
        RETURN number;
    END $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION sync_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        {_TRUNCATED};
        {_FORGOTTEN};
        RETURN NULL;
    END $$
    """,
)

_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
