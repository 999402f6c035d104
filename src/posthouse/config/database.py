"""Whether the database answers."""

from __future__ import annotations

from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections


def reach(alias: str = DEFAULT_DB_ALIAS) -> None:
    """Return when the database answers. Raises DatabaseError, which says why it does not.

    Past the pool: that would try for half a minute, and then not say what was wrong.
    """
    connection = cast(Any, connections[alias])
    if connection.vendor != "postgresql":
        connection.ensure_connection()
        return
    with connection.wrap_database_errors:
        connection.Database.connect(**connection.get_connection_params(), connect_timeout=10).close()
