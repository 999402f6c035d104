"""`field__prefix="al"`: the rows whose text starts so, whatever the case, found in an index on either engine."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[Any, ...]]


class Prefix(Lookup):
    """Django's `istartswith` compares UPPER(…) or LIKEs the whole table: this one meets the indexes on LOWER(…)."""

    lookup_name = "prefix"
    prepare_rhs = True

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Compare as a range: SQLite orders text by code point, and nothing lies above the last one."""
        left, parameters = self.process_lhs(compiler, connection)
        values = (*parameters, self.rhs, *parameters, self.rhs)
        return f"LOWER({left}) >= LOWER(%s) AND LOWER({left}) < LOWER(%s) || char(1114111)", values

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Compare by LIKE, for which migration 0002 makes indexes that do not depend on the language's order."""
        left, parameters = self.process_lhs(compiler, connection)
        pattern = connection.ops.prep_for_like_query(self.rhs) + "%"
        return f"LOWER({left}) LIKE LOWER(%s)", (*parameters, pattern)


class InOrder(OrderBy):
    """The order of a column's index on its lower case, so that the first rows are read and the others are not."""

    def __init__(self, column: str) -> None:
        super().__init__(Lower(column))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Compare by characters, as the index for LIKE does, and not by the language's order.

        The comment is for Django, which looks for the word in every ordering.
        """
        return self.as_sql(compiler, connection, template="%(expression)s USING ~<~ /* ASC */")
