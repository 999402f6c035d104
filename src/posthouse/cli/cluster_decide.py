"""`posthouse cluster held|decide`: whom a stopped sync would make vanish, and the administrator's word on it."""

from __future__ import annotations

import csv
import sys
from typing import Annotated, Any

import typer

from posthouse.cli.administering import Json, echo_json, moment, ready, sentences, server
from posthouse.cli.errors import Stop

NAMED = 20
Name = Annotated[str, typer.Argument(help="Name of the slave.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(held)
    app.command()(decide)


def held(
    name: Name,
    everyone: Annotated[bool, typer.Option("--csv", help="List them all, as CSV.")] = False,
    json: Json = False,
) -> None:
    """Show what a sync would do that waits for a decision. Exit code 1 when one does."""
    ready()
    with sentences():
        hold = _hold(name)
    if hold is None:
        if json:
            echo_json({"held": False})
        elif not everyone:
            typer.echo(f"No sync of {name} waits for a decision.")
        return
    if everyone:
        writer = csv.writer(sys.stdout)
        columns = ["fate", "login", "name", "email"]
        writer.writerow(columns)
        writer.writerows(hold.accounts.order_by("-fate", "login").values_list(*columns).iterator(chunk_size=2_000))
    elif json:
        echo_json({"held": True} | _facts(hold))
    else:
        _show(hold)
    raise typer.Exit(1)


def decide(
    name: Name,
    go_on: Annotated[bool, typer.Option("--go-on", help="Let it do what `held` shows.")] = False,
    leave: Annotated[bool, typer.Option("--leave", help="Leave the slave as it is, OUT OF SYNC.")] = False,
    question: Annotated[
        str | None, typer.Option(help="What you decide about: the `question` that `held --json` shows.")
    ] = None,
) -> None:
    """Decide about a sync that was stopped."""
    ready()
    from posthouse.audit import log
    from posthouse.sync import holds, runs

    if go_on == leave:
        raise Stop("Give either --go-on or --leave.", 2)
    with sentences():
        hold = _hold(name)
        if hold is None:
            raise Stop(f"No sync of {name} waits for a decision.")
        if go_on and question is None:
            _confirm(hold)
        deed = holds.approve if go_on else holds.leave
        if not deed(hold, question or hold.question, log.COMMAND_LINE):
            raise Stop("What would happen has changed since you looked. Look at it anew, and decide again.")
        if go_on:
            runs.start(hold.server)
            typer.echo(f"{hold.server.name} is synced. If anybody else would vanish, you are asked anew.")
        else:
            typer.echo(f"{hold.server.name} stays as it is, OUT OF SYNC.")


def _hold(name: str) -> Any:
    from posthouse.sync.models import Hold

    return Hold.objects.filter(server=server(name), approved_at=None).select_related("server").first()


def _confirm(hold: Any) -> None:
    if not sys.stdin.isatty():
        raise Stop("Without a terminal, say with --question what you decide about: `held --json` shows it.", 2)
    _show(hold)
    if typer.prompt(f"Type the name of the slave ({hold.server.name}) to go on").strip() != hold.server.name:
        raise Stop("Nothing was changed.")


def _show(hold: Any) -> None:
    typer.echo(f"{hold.get_cause_display()}. A sync of {hold.server.name} was stopped {moment(hold.at)}.")
    typer.echo(
        f"Of the {hold.present} accounts there {hold.vanishing} would vanish and {hold.changing} would change;"
        f" {hold.appearing} would appear."
    )
    logins = list(hold.accounts.filter(fate="vanishes").order_by("login").values_list("login", flat=True)[: NAMED + 1])
    if logins:
        typer.echo(f"Vanish: {', '.join(logins[:NAMED])}{', …' if len(logins) > NAMED else ''}")


def _facts(hold: Any) -> dict[str, Any]:
    counts = {name: getattr(hold, name) for name in ("present", "vanishing", "changing", "appearing")}
    return {"cause": hold.cause, "at": moment(hold.at), "question": hold.question} | counts
