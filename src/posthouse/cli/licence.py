"""`posthouse licence …`: the issuer's side, and the licence of this server."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from posthouse.cli.administering import Json, echo_json, moment, ready, sentences
from posthouse.cli.errors import Stop

app = typer.Typer(help="Issue licences, and install and show the one of this server.", no_args_is_help=True)

DAYS = 365
KEY = Path("licence-issuer.key")
DAY = ["%Y-%m-%d"]


@app.command()
def issue(
    licensee: Annotated[str, typer.Argument(help="Whom the licence is for.")],
    server: Annotated[str, typer.Option(help="Id of the only server that it is for, as its licence page shows it.")] = (
        "any"
    ),
    multi_server: Annotated[bool, typer.Option("--multi-server", help="The server may be part of a cluster.")] = False,
    seats: Annotated[
        int | None, typer.Option(min=0, help="Users who may be logged in at once (default: unlimited).")
    ] = None,
    begins: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First day (default: today).")] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=DAY, help=f"Last day (default: {DAYS} days later).")
    ] = None,
    serial: Annotated[str | None, typer.Option(help="Its serial number (default: one that was never used).")] = None,
    key: Annotated[Path, typer.Option(help="File of the issuer's key; made if it is not there.")] = KEY,
) -> None:
    """Print a licence that is signed with the issuer's key. On first use, make the key. Needs no server."""
    from posthouse.licensing import issuing, tokens

    first = begins.date() if begins else datetime.now(UTC).date()
    last = until.date() if until else first + timedelta(days=DAYS)
    if last < first:
        raise Stop("A licence cannot end before it begins.", 2)
    try:
        only = None if server == tokens.ANY else UUID(server)
    except ValueError as error:
        raise Stop(f"“{server}” is no id of a server. Its licence page shows it.", 2) from error
    try:
        private, made = issuing.key_at(key)
        terms = tokens.Terms(
            serial=serial or f"{first.year}-{secrets.token_hex(4)}",
            licensee=licensee.strip(),
            server=only,
            multi_server=multi_server,
            seats=seats,
            begins=_midnight(first),
            ends=_midnight(last + timedelta(days=1)),
            issued=datetime.now(UTC).replace(microsecond=0),
        )
        text = tokens.write(terms, private)
    except issuing.NoKey as error:
        raise Stop(str(error)) from error
    except tokens.BadLicence as error:
        raise Stop("Licensee and serial number are single lines of at most 200 and 60 characters.", 2) from error
    if made:
        typer.echo(f"The issuer's key was made in {key}. Keep it safe: whoever has it can issue licences.", err=True)
        typer.echo(
            f'Servers trust it by this setting:\nlicence_issuer = "{tokens.text_of(private.public_key())}"', err=True
        )
    typer.echo(text)


@app.command()
def show(
    file: Annotated[
        str | None, typer.Argument(help="A licence to look at, or - for standard input (default: the installed one).")
    ] = None,
    json: Json = False,
) -> None:
    """Show what this server is licensed for, or what a licence would allow it. Exit code 1 without multi-server."""
    ready()
    from django.utils import timezone

    from posthouse.licensing import here, judging, licences, seats, tokens

    with sentences():
        this, used = here.this(), seats.now().used
        try:
            standing = licences.standing() if file is None else _judged(_text(file))
        except tokens.BadLicence as error:
            raise Stop(str(error)) from error
    lacking = judging.lacking(standing, this.name)
    if json:
        echo_json({"server": str(this.id), **_document(standing, used), "problem": lacking})
    else:
        for line in _lines(standing, used):
            typer.echo(line)
        typer.echo(f"Id of this server: {this.id}")
        if standing.ends_soon(timezone.now()):
            typer.echo("It ends soon. Ask the issuer for a new one.", err=True)
        if lacking:
            typer.echo(lacking, err=True)
    if lacking:
        raise typer.Exit(1)


@app.command()
def install(
    file: Annotated[str, typer.Argument(help="File that holds the licence, or - for standard input.")],
) -> None:
    """Check a licence and install it on this server. It holds at once, on all nodes."""
    ready()
    from posthouse.audit import log as audit
    from posthouse.licensing import judging, licences, tokens

    with sentences():
        try:
            terms = licences.install(_text(file), audit.COMMAND_LINE)
        except tokens.BadLicence as error:
            raise Stop(str(error)) from error
    typer.echo(
        f"Licence {terms.serial} for {terms.licensee} was installed. It is valid until {judging.last_day(terms)}."
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _text(file: str) -> str:
    from posthouse.licensing.tokens import LIMIT

    try:
        return sys.stdin.read(2 * LIMIT) if file == "-" else Path(file).read_text(encoding="ascii")[: 2 * LIMIT]
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Stop(f"{file} holds no licence.") from error


def _judged(text: str) -> Any:
    """Return how this server would stand with that licence alone."""
    from django.utils import timezone

    from posthouse.licensing import here, judging, licences

    return judging.judge([licences.read(text)], "", here.this().id, timezone.now())


def _lines(standing: Any, used: int) -> list[str]:
    from posthouse.licensing import judging

    seats = f"{used} in use, {'unlimited' if standing.seats is None else f'of {standing.seats}'}"
    terms = standing.terms
    if terms is None:
        words = "No licence needed: the settings name no issuer." if standing.state == "unlicensed" else "No licence."
        return [words, f"Seats: {seats}"]
    return [
        f"Licence {terms.serial} for {terms.licensee}",
        f"Status: {standing.state.title()}",
        f"Valid: {judging.day(terms.begins)} to {judging.last_day(terms)}",
        f"Multi-server: {'included' if terms.multi_server else 'not included'}",
        f"Server: {terms.server or 'any'}",
        f"Seats: {seats}",
    ]


def _document(standing: Any, used: int) -> dict[str, Any]:
    terms = standing.terms
    licence = None
    if terms is not None:
        licence = {
            "serial": terms.serial,
            "licensee": terms.licensee,
            "server": None if terms.server is None else str(terms.server),
            "multi_server": terms.multi_server,
            "seats": terms.seats,
            "begins": moment(terms.begins),
            "ends": moment(terms.ends),
            "issued": moment(terms.issued),
        }
    return {
        "state": standing.state.value,
        "licence": licence,
        "multi_server": standing.multi_server,
        "seats": {"used": used, "limit": standing.seats},
    }
