"""Rows by the ten thousand, without a model's instance for each: an instance costs more than its row.

The statements are written here, for the ORM has none that is run once for each of many rows. What is put into them are
the names of tables and columns, which no database takes as parameters: they come from the models, never from a caller's
text, and are quoted as the database wants it. All values are parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, CharField, IntegerField, Model, TextField, UUIDField

BATCH = 1000
"""Rows that are held at a time."""


def insert(
    model: type[Model], names: Sequence[str], rows: Iterable[Sequence[Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert rows, whose values are in the order of these fields; all other fields must have a default in the database.

    No signal is sent, and `auto_now_add` sets nothing. With `ignore_conflicts`, rows that are there already are left as
    they are. It is one statement for each row: call it in a transaction. Raises django.db.DatabaseError.
    """
    connection = connections[router.db_for_write(model)]
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 - only quoted names of models: see above
    if ignore_conflicts:
        sql += " ON CONFLICT DO NOTHING"
    _execute(connection, sql, fields, rows)


def fill(model: type[Model], names: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Set these fields of rows that are there: each has its values in their order, and its primary key behind them.

    Where the field `empty` is not NULL (any more), nothing is changed. It is one statement for each row: call it in a
    transaction. Raises django.db.DatabaseError.
    """
    connection = connections[router.db_for_write(model)]
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    key: Any = model._meta.pk
    quote = connection.ops.quote_name
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    unset: Any = model._meta.get_field(empty)
    where = f"{quote(key.column)} = %s AND {quote(unset.column)} IS NULL"
    table = quote(model._meta.db_table)
    sql = f"UPDATE {table} SET {changes} WHERE {where}"  # noqa: S608 - only quoted names of models: see above
    _execute(connection, sql, [*fields, key], rows)


def _execute(connection: BaseDatabaseWrapper, sql: str, fields: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
    prepared = [_preparation(field, connection) for field in fields]
    waiting = iter(rows)
    with connection.cursor() as cursor:
        while some := list(islice(waiting, BATCH)):
            # Column by column, for most need nothing: field by field it would take longer than all the rest.
            columns = [
                column if prepare is None else map(prepare, column)
                for prepare, column in zip(prepared, zip(*some, strict=True), strict=True)
            ]
            cursor.executemany(sql, list(zip(*columns, strict=True)))


def _preparation(field: Any, connection: BaseDatabaseWrapper) -> Callable[[Any], Any] | None:
    """Return what makes a value of this field one for the database; None when it may go as it is."""
    while field.remote_field is not None:
        field = field.target_field
    if isinstance(field, UUIDField):
        return None if connection.features.has_native_uuid_field else _hex
    if isinstance(field, CharField | TextField | IntegerField | BinaryField) and not field.choices:
        return None
    return partial(field.get_db_prep_save, connection=connection)


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex
