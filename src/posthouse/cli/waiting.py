"""Waiting for the end of what the server does: a sync, an import, a recalculation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from posthouse.cli.errors import Stop

if TYPE_CHECKING:
    from posthouse.jobs.models import Work

WAIT_SECONDS = 3600.0
LOOK_SECONDS = 0.1
HINT_SECONDS = 10.0
"""When nobody has begun by then, the server may not be running."""


def wait(run: Work, what: str, line: Callable[[], str] | None = None) -> None:
    """Wait for the end of a run, which is called so: "The sync of tokyo". Raises Stop when it does not come.

    `line` says how far it is: it is shown in one line of the terminal, which is written over.
    """
    end, hint = time.monotonic() + WAIT_SECONDS, time.monotonic() + HINT_SECONDS
    while run.ended_at is None:
        if time.monotonic() > end:
            raise Stop(f"{what} has not ended after {WAIT_SECONDS:.0f} s. Is the server running?")
        if run.fence == 0 and time.monotonic() > hint:
            hint = end
            typer.echo(f"{what} has not begun yet. Is this server running?", err=True)
        if line is not None:
            typer.echo(f"\r\033[K{line()}", nl=False, err=True)
        time.sleep(LOOK_SECONDS)
        run.refresh_from_db()
    if line is not None:
        typer.echo("\r\033[K", nl=False, err=True)
