"""The way from the data plane's event loop to the database and the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

# Bounded, so that many slow clients cannot open more database connections than the database grants.
# Threads start as they are needed. A function that runs here must not wait for another one: all could wait.
THREADS = 32
_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="data-plane")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread of the data plane's pool and return what it returns.

    Connections to PostgreSQL go back to their pool when the work is done: Django does so only at the end of its own
    requests, and these never see Django. Those to SQLite stay with their thread: to open one is to read the whole
    schema, which cost a small file more than all the rest.
    Cancelling the caller does not stop the work; shield it where its end matters.
    """
    context = copy_context()
    work = partial(context.run, _tidily, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, work)


def _tidily(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    _let_go()
    try:
        return function(*args, **kwargs)
    finally:
        _let_go()


def _let_go() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "sqlite" or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
