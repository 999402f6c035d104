"""Database connections of the data plane's threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection

from posthouse.lib import threads


def ask(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def is_open() -> bool:
    return connection.connection is not None


@pytest.mark.django_db(transaction=True)
def test_a_connection_is_kept_where_opening_it_is_dear_and_given_back_where_others_wait_for_it(monkeypatch) -> None:
    # With a single thread it is certain whose connection is looked at.
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(threads, "_pool", pool)
        asyncio.run(threads.in_thread(ask, "SELECT 1"))
        assert pool.submit(is_open).result() == (connection.vendor == "sqlite")
        with pytest.raises(DatabaseError):
            asyncio.run(threads.in_thread(ask, "SELECT no_such_column"))
        assert not pool.submit(is_open).result(), "after an error a fresh one is safer"
        pool.submit(lambda: connection.close()).result()
