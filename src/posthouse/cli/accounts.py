"""`posthouse accounts …`: accounts as a file, before a conversion and after it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from posthouse.cli.administering import ready, sentences
from posthouse.cli.errors import Stop

app = typer.Typer(help="Keep accounts in a file, and make them again from it.", no_args_is_help=True)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet.")],
    passwords: Annotated[
        bool, typer.Option("--passwords", help="With the hashes of the passwords: guard the file well.")
    ] = False,
) -> None:
    """Write the accounts that a conversion to a slave overwrites into a CSV file that only its owner can read."""
    ready()
    from posthouse.accounts import copies
    from posthouse.audit import log

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Stop(f"{file} cannot be made: {error.strerror}.") from error
    with sentences(), os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        people = copies.overwritten()
        for lines in copies.export(people, passwords=passwords):
            out.write(lines)
        words = " with the hashes of their passwords" if passwords else ""
        log.record(log.COMMAND_LINE, "accounts.exported", f"Accounts were exported{words}.")
        typer.echo(f"{people.count()} accounts are in {file}. To make them again: posthouse accounts restore {file}")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that export has made.")]) -> None:
    """Make the accounts of a file again. Those that are here are left alone. Exit code 1 when a line did not fit."""
    ready()
    from django.db import transaction

    from posthouse.accounts import access, copies
    from posthouse.audit import log

    keeper = access.keeper()
    if keeper is not None:
        raise Stop(f"This server is a slave: accounts are made at the master, {keeper.name}.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{file} cannot be read: {error}.") from error
    try:
        with sentences(), transaction.atomic():
            outcome = copies.restore(text)
            told = f"{outcome.made} made, {outcome.back} brought back"
            log.record(log.COMMAND_LINE, "accounts.restored", f"Accounts were restored from a file: {told}.")
    except copies.NoFile as error:
        raise Stop(str(error)) from error
    typer.echo(f"{told}, {outcome.left} left.")
    for reason in outcome.reasons:
        typer.echo(reason, err=True)
    if outcome.left:
        raise typer.Exit(1)
