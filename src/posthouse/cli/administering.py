"""What the commands of administrators have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from posthouse.cli.errors import Stop

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]


def ready() -> str:
    """Load the apps and return the name of this server."""
    from posthouse.cli.ready import django_ready

    return django_ready().name


@contextmanager
def sentences(*refusals: type[Exception]) -> Iterator[None]:
    """Turn what the cluster refuses, and other refusals, into a sentence and exit code 1."""
    from django.db import DatabaseError

    from posthouse.cluster.addresses import BadAddress
    from posthouse.cluster.errors import CallError
    from posthouse.cluster.pairing import PairingRefused
    from posthouse.sync.runs import NotPossible

    refused: tuple[type[Exception], ...] = (BadAddress, CallError, NotPossible, PairingRefused, *refusals)
    try:
        yield
    except refused as error:
        raise Stop(str(error)) from error
    except DatabaseError as error:
        raise Stop(f"The database cannot be used: {str(error).strip()}") from error


def server(name: str):  # type: ignore[no-untyped-def]  # the model can be imported only once the apps are loaded
    """Return another server of the Server List by its name. Raises Stop."""
    from posthouse.cluster.models import Server

    found = Server.objects.filter(name__iexact=name, is_self=False, removed_at=None).first()
    if found is None:
        raise Stop(f"There is no server called {name} in the Server List.")
    return found


def echo_json(document: Any) -> None:
    """Print a JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def moment(when: datetime | None) -> str | None:
    """Return a moment as JSON documents hold it: ISO 8601, in UTC."""
    return None if when is None else when.astimezone(UTC).isoformat(timespec="seconds")


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield the lines of a table for a terminal."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
