"""`posthouse cluster status|test|sync|history`: the Server List and its actions, with the words of the pages."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from posthouse.cli.administering import Json, echo_json, moment, ready, sentences, server, table
from posthouse.cli.errors import Stop
from posthouse.cli.waiting import wait

NOTHING = "-"
MOST_RUNS = 10_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command("test")(try_out)
    app.command()(sync)
    app.command()(history)


def status(json: Json = False) -> None:
    """Show the Server List. Exit code 1 when a slave is OUT OF SYNC, or its last sync has failed."""
    ready()
    from posthouse.cluster import identity
    from posthouse.sync import listing

    with sentences():
        entries = listing.entries()
        key = identity.fingerprint(identity.public_key())
    if json:
        echo_json({"fingerprint": key, "servers": [_entry(entry) for entry in entries]})
    else:
        head = ["Name", "Address", "Role", "Version", "Status", "Last sync", "Seats"]
        for line in table(head, [_cells(entry) for entry in entries]):
            typer.echo(line)
        for entry in entries:
            if entry.reason:
                typer.echo(f"{entry.server.name}: {entry.reason}")
    if any(entry.troubled for entry in entries):
        raise typer.Exit(1)


def try_out(
    name: Annotated[str | None, typer.Argument(help="Name in the Server List; without it, all other servers.")] = None,
    json: Json = False,
) -> None:
    """Test the way to another server, step by step. Exit code 1 when something does not work."""
    ready()
    from posthouse.cluster import servers, testing

    results = []
    with sentences():
        for each in servers.others() if name is None else [server(name)]:
            if name is None and not json:
                typer.echo(each.name)
            lines = []
            for line in testing.test(each):
                lines.append(line)
                if not json:
                    typer.echo(f"{'ok    ' if line.ok else 'FAILED'}  {line.name}: {line.result}")
                    if not line.ok and line.cure:
                        typer.echo(f"        {line.cure}")
            steps = [
                {"step": line.name, "ok": line.ok, "result": line.result, "cure": "" if line.ok else line.cure}
                for line in lines
            ]
            results.append({"name": each.name, "ok": all(line.ok for line in lines), "steps": steps})
    good = all(result["ok"] for result in results)
    if json:
        echo_json({"ok": good, "servers": results})
    if not good:
        raise typer.Exit(1)


def sync(name: Annotated[str, typer.Argument(help="Name of the slave.")], json: Json = False) -> None:
    """Sync a slave now, and wait for the end. The server must be running: it does the work."""
    ready()
    from django.db import transaction

    from posthouse.audit import log
    from posthouse.sync import runs

    with sentences():
        slave = server(name)
        with transaction.atomic():
            run = runs.start(slave)
            log.record(log.COMMAND_LINE, "sync.started", f"A sync of {slave.name} was started by hand.", slave)
        wait(run, f"The sync of {slave.name}", None if json or not sys.stderr.isatty() else lambda: _standing(run))
    if json:
        echo_json(_run(run))
    if run.state != "done":
        raise Stop(f"The sync of {slave.name} failed: {run.last_error}")
    if not json:
        typer.echo(f"{slave.name} is in sync: {run.added} added, {run.changed} changed, {run.removed} removed.")


def history(
    server_name: Annotated[str | None, typer.Option("--server", help="Only the syncs of this slave.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_RUNS, help="How many of them, the newest ones.")] = 50,
    json: Json = False,
) -> None:
    """Show the syncs that were, newest first, with what each has done."""
    ready()
    from posthouse.sync.models import Run
    from posthouse.web import units

    with sentences():
        found = Run.objects.select_related("server").order_by("-created_at")
        if server_name is not None:
            found = found.filter(server=server(server_name))
        rows = list(found[:limit])
    if json:
        echo_json({"runs": [_run(row) for row in rows]})
        return
    head = ["Start", "Server", "Kind", "Duration", "Added", "Changed", "Removed", "Sent", "Result"]
    cells = [
        [
            moment(row.created_at) or NOTHING,
            row.server.name,
            row.get_kind_display(),
            units.duration(row.duration) if row.ended_at else NOTHING,
            *(str(count) for count in (row.added, row.changed, row.removed)),
            units.size(row.bytes),
            f"{_result(row)}: {row.last_error}" if row.last_error else _result(row),
        ]
        for row in rows
    ]
    for line in table(head, cells):
        typer.echo(line)


def _standing(run: Any) -> str:
    """Say how far a sync is."""
    words = f"{run.sent} of {run.total}" if run.total else "Waiting to sync" if run.started_at is None else "Syncing"
    return f"{run.server.name}: {words}"


def _entry(entry: Any) -> dict[str, Any]:
    listed = entry.server
    return {
        "name": listed.name,
        "address": listed.address,
        "role": listed.get_role_display(),
        "this": listed.is_self,
        "version": listed.version,
        "status": entry.status,
        "reason": entry.reason,
        "percent": entry.percent,
        "last_sync": moment(entry.synced_at),
        "seats": listed.seats,
    }


def _cells(entry: Any) -> list[str]:
    listed = entry.server
    progress = f" {entry.percent} %" if entry.percent is not None else ""
    return [
        f"{listed.name} (this server)" if listed.is_self else listed.name,
        listed.origin,
        listed.get_role_display(),
        listed.version or NOTHING,
        f"{entry.status or NOTHING}{progress}",
        moment(entry.synced_at) or NOTHING,
        _seats(listed.seats),
    ]


def _seats(seats: dict[str, int | None] | None) -> str:
    if seats is None:
        return NOTHING
    return f"{seats['used']} of {seats['limit']}" if seats["limit"] is not None else f"{seats['used']}, unlimited"


def _run(run: Any) -> dict[str, Any]:
    return {
        "server": run.server.name,
        "kind": run.get_kind_display(),
        "start": moment(run.started_at or run.created_at),
        "end": moment(run.ended_at),
        "seconds": None if run.duration is None else round(run.duration.total_seconds(), 3),
        "added": run.added,
        "changed": run.changed,
        "removed": run.removed,
        "bytes": run.bytes,
        "result": _result(run),
        "error": run.last_error,
    }


def _result(run: Any) -> str:
    words = {"done": "OK", "failed": "Failed", "active": "Syncing"}
    return words.get(run.state, "Waiting to sync")
