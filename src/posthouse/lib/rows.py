"""Rows by the ten thousand, without a model's instance for each: an instance costs more than its row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections, router
from django.db.models import Model


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
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own
    if ignore_conflicts:
        sql += " ON CONFLICT DO NOTHING"
    prepared = [field.get_db_prep_save for field in fields]
    values = [
        tuple(prepare(value, connection=connection) for prepare, value in zip(prepared, row, strict=True))
        for row in rows
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(sql, values)
