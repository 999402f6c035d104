"""`posthouse directory test|import|list`: what the pages of the directories do, for scripts."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from posthouse.cli.administering import Json, echo_json, moment, ready, sentences, table
from posthouse.cli.errors import Stop
from posthouse.cli.waiting import wait

NOTHING = "-"
COUNTS = ("seen", "added", "changed", "deactivated", "unchanged", "refused")

app = typer.Typer(help="Test directories (Active Directory, LDAP) and import their people.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the directory, as the page Directories shows it.")]


@app.command("list")
def show(json: Json = False) -> None:
    """Show the directories. Exit code 1 when one of them fails, or waits for a decision."""
    ready()
    from posthouse.directory.models import Connection

    with sentences():
        found = list(Connection.objects.order_by("name"))
    if json:
        echo_json({"directories": [_connection(each) for each in found]})
    else:
        head = ["Name", "Kind", "Hosts", "Last full import", "Status"]
        rows = [
            [
                each.name,
                each.get_kind_display(),
                ", ".join(each.way().hosts),
                moment(each.full_at) or NOTHING,
                _status(each),
            ]
            for each in found
        ]
        for line in table(head, rows):
            typer.echo(line)
    if any(each.enabled and (each.stopped or each.failures) for each in found):
        raise typer.Exit(1)


@app.command("test")
def try_out(name: Name, json: Json = False) -> None:
    """Test a directory, step by step. Exit code 1 when a step fails."""
    ready()
    from posthouse.directory import testing

    lines = []
    with sentences():
        for line in testing.test(_named(name)):
            lines.append(line)
            if not json:
                typer.echo(f"{'ok    ' if line.ok else 'FAILED'}  {line.name}: {line.result}")
                if not line.ok and line.cure:
                    typer.echo(f"        {line.cure}")
    good = all(line.ok for line in lines)
    if json:
        steps = [
            {"step": line.name, "ok": line.ok, "result": line.result, "cure": "" if line.ok else line.cure}
            for line in lines
        ]
        echo_json({"ok": good, "steps": steps})
    if not good:
        raise typer.Exit(1)


@app.command("import")
def bring_in(
    name: Name,
    changes: Annotated[bool, typer.Option("--changes", help="Read only what has changed since the last time.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Say what an import would do, and do nothing.")] = False,
    json: Json = False,
) -> None:
    """Import the people of a directory now, and wait for the end. The server must be running: it does the work."""
    ready()
    from django.db import transaction

    from posthouse.audit import log
    from posthouse.directory import runs
    from posthouse.directory.models import Run

    with sentences():
        connection = _named(name)
        kind = Run.Kind.PREVIEW if preview else Run.Kind.MANUAL
        try:
            with transaction.atomic():
                run = runs.start(connection, kind, full=not changes)
                if not preview:
                    told = f"An import of the directory {connection} was started by hand."
                    log.record(log.COMMAND_LINE, "directory.import", told, connection)
        except runs.NotPossible as problem:
            raise Stop(str(problem)) from problem
        wait(run, f"The import of {connection}", None if json or not sys.stderr.isatty() else lambda: _words(run))
    if json:
        echo_json(_run(run))
    if run.state != "done":
        raise Stop(f"The import of {connection} failed: {run.last_error}")
    if not json:
        typer.echo(f"{'A preview of' if preview else 'Imported'} {connection}: {_words(run)}.")


def _named(name: str) -> Any:
    from posthouse.directory.models import Connection

    found = Connection.objects.filter(name__iexact=name).first()
    if found is None:
        raise Stop(f"There is no directory called {name}. `posthouse directory list` shows all of them.")
    return found


def _words(run: Any) -> str:
    return (
        f"{run.seen} seen, {run.added} added, {run.changed} changed, {run.deactivated} switched off,"
        f" {run.unchanged} unchanged, {run.refused} not imported"
    )


def _status(connection: Any) -> str:
    if not connection.enabled:
        return "Not in use"
    if connection.stopped:
        return "Stopped"
    if connection.failures:
        return "Failing"
    return "OK" if connection.full_at or connection.stands_for else "Never imported"


def _connection(connection: Any) -> dict[str, Any]:
    way = connection.way()
    return {
        "name": connection.name,
        "kind": connection.get_kind_display(),
        "hosts": list(way.hosts),
        "port": way.port,
        "status": _status(connection),
        "last_full_import": moment(connection.full_at),
        "failing_since": moment(connection.failing_since),
        "vanished": connection.stopped.get("count", 0),
    }


def _run(run: Any) -> dict[str, Any]:
    return {
        "directory": run.connection.name,
        "kind": run.get_kind_display(),
        "full": run.full,
        "start": moment(run.started_at or run.created_at),
        "end": moment(run.ended_at),
        "seconds": None if run.duration is None else round(run.duration.total_seconds(), 3),
        **{name: getattr(run, name) for name in COUNTS},
        "result": "OK" if run.state == "done" else "Failed",
        "error": run.last_error,
    }
