"""Change numbers, stamped by the database itself, so that no way of writing a row can forget them.

Whatever changes a shared column of a shared row gives the row the next number of the one counter. The counter's row
is locked until the transaction ends, so numbers become visible in their own order: whoever has seen number N has seen
all numbers below it. On PostgreSQL all rows of a transaction carry one number, on SQLite each has its own.

Deleting a row raises the counter, too.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from posthouse.sync.shared import SHARED

SEED = "INSERT INTO sync_counter (id, value) VALUES (1, 1) ON CONFLICT (id) DO NOTHING"


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the counter and the triggers, or make them anew: Django drops SQLite's triggers when it changes a table."""
    statements = _STATEMENTS[connection.vendor]
    with connection.cursor() as cursor:
        for shared in SHARED:
            columns = [*shared.fields[1:], *shared.scope]
            for statement in statements(shared.model._meta.db_table, columns, next(iter(shared.scope), "")):
                cursor.execute(statement)
        cursor.execute(SEED)


def _sqlite(table: str, columns: list[str], flag: str) -> list[str]:
    count = "UPDATE sync_counter SET value = value + 1;"
    stamp = f"{count} UPDATE {table} SET change = (SELECT value FROM sync_counter) WHERE id = NEW.id;"  # noqa: S608
    now, before, differs = _conditions(columns, flag, "IS NOT")
    return [
        *(f"DROP TRIGGER IF EXISTS {table}_stamp_{event}" for event in ("insert", "update", "delete")),
        f"CREATE TRIGGER {table}_stamp_insert AFTER INSERT ON {table} WHEN {now} BEGIN {stamp} END",
        (
            f"CREATE TRIGGER {table}_stamp_update AFTER UPDATE OF {', '.join(columns)}, change ON {table}"
            f" WHEN ({now} OR {before}) AND {differs} BEGIN {stamp} END"
        ),
        f"CREATE TRIGGER {table}_stamp_delete AFTER DELETE ON {table} WHEN {before} BEGIN {count} END",
    ]


def _postgresql(table: str, columns: list[str], flag: str) -> list[str]:
    now, before, differs = _conditions(columns, flag, "IS DISTINCT FROM")
    watched = f"UPDATE OF {', '.join(columns)}, change"
    triggers = {
        # The counter is locked before any row is, so that two writers cannot each hold what the other one wants.
        "lock_insert": f"BEFORE INSERT ON {table} EXECUTE FUNCTION sync_lock()",
        "lock_update": f"BEFORE {watched} ON {table} EXECUTE FUNCTION sync_lock()",
        "lock_delete": f"BEFORE DELETE ON {table} EXECUTE FUNCTION sync_lock()",
        "stamp_insert": f"BEFORE INSERT ON {table} FOR EACH ROW WHEN ({now}) EXECUTE FUNCTION sync_stamp()",
        "stamp_update": (
            f"BEFORE {watched} ON {table} FOR EACH ROW WHEN (({now} OR {before}) AND {differs})"
            " EXECUTE FUNCTION sync_stamp()"
        ),
        "stamp_delete": f"AFTER DELETE ON {table} FOR EACH ROW WHEN ({before}) EXECUTE FUNCTION sync_deleted()",
    }
    statements = list(_FUNCTIONS)
    for name, body in triggers.items():
        statements.append(f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}")
        statements.append(f"CREATE TRIGGER {table}_{name} {body}")
    return statements


def _conditions(columns: list[str], flag: str, unequal: str) -> tuple[str, str, str]:
    """Return when the new row is a shared one, when the old one was, and when they differ.

    A number that is lower than before counts as a difference: an object that was read long ago was saved whole.
    """
    now, before = (f"NOT NEW.{flag}", f"NOT OLD.{flag}") if flag else ("1 = 1", "1 = 1")
    pairs = " OR ".join(f"OLD.{column} {unequal} NEW.{column}" for column in columns)
    return now, before, f"({pairs} OR NEW.change < OLD.change)"


_FUNCTIONS = (
    """
    CREATE OR REPLACE FUNCTION sync_lock() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM value FROM sync_counter FOR UPDATE;
        RETURN NULL;
    END $$
    """,
    # One number for each transaction: raising one row once per stamped row would take quadratic time.
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
    """
    CREATE OR REPLACE FUNCTION sync_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.change := sync_number();
        RETURN NEW;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION sync_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM sync_number();
        RETURN NULL;
    END $$
    """,
)

_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}
