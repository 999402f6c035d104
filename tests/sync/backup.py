"""A backup of this process's database, and its restore, past all triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper

APPS = ("accounts", "cluster", "sync")


class Backup:
    """All that accounts, servers and syncs are at a moment. Drop it before the test ends."""

    numbers = iter(range(1_000_000))

    def __init__(self) -> None:
        self.mark = f"backup{next(self.numbers)}"
        self.tables = [model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models()]
        with connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(f"CREATE TABLE {self.mark}_{table} AS SELECT * FROM {table}")

    def restore(self) -> None:
        with connection.cursor() as cursor, triggers_off(cursor):
            for table in self.tables:
                cursor.execute(f"DELETE FROM {table}")
            for table in self.tables:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM {self.mark}_{table}")

    def drop(self) -> None:
        with connection.cursor() as cursor:
            for table in self.tables:
                cursor.execute(f"DROP TABLE {self.mark}_{table}")


@contextmanager
def triggers_off(cursor: CursorWrapper) -> Iterator[None]:
    """Write as a restore does: without triggers, and in any order."""
    if connection.vendor == "postgresql":
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")
        return
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = cursor.fetchall()
    cursor.execute("PRAGMA foreign_keys = OFF")
    for name, _ in triggers:
        cursor.execute(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        cursor.execute(statement)
    cursor.execute("PRAGMA foreign_keys = ON")
