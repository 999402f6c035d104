"""`posthouse cluster …`: what the pages under Server > Multi-Server do, for scripts and for people without browsers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from posthouse.cli.errors import Stop

app = typer.Typer(help="Join servers to a cluster, test and sync them.", no_args_is_help=True)

WAIT_SECONDS = 600.0
Fingerprint = Annotated[
    str | None, typer.Option(help="Fingerprint that `posthouse cluster fingerprint` shows on the other server.")
]


@app.command()
def fingerprint() -> None:
    """Show the fingerprint of this server's identity key, to be compared on the other server."""
    _ready()
    from posthouse.cluster import identity

    typer.echo(identity.fingerprint(identity.public_key()))


@app.command()
def convert(
    address: Annotated[str, typer.Argument(help="Host name or IP address of the master, with :port unless it is 443.")],
    fingerprint: Fingerprint = None,
) -> None:
    """Convert this server to a slave. Its accounts will be replaced by those of the master."""
    name = _ready()
    from posthouse.cluster import pairing

    with _sentences():
        found = pairing.look(address)
        pairing.check_master(found)
        _compare(found.name, found.fingerprint, fingerprint)
        if fingerprint is None:
            _confirm_overwriting(name)
        master = pairing.convert(address, expected_key=found.keys[0])
    typer.echo(f"This server is a slave of {master.name} now. Add it there: posthouse cluster add.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the slave in the Server List.")],
    host: Annotated[str, typer.Argument(help="Host name or IP address of the slave.")],
    port: Annotated[int, typer.Option(help="HTTPS port.")] = 443,
    namespace: Annotated[str, typer.Option(help="URL namespace.")] = "/aspera/faspex",
    alternate: Annotated[str, typer.Option(help="Alternate address: host, or host:port.")] = "",
    fingerprint: Fingerprint = None,
) -> None:
    """Add a slave to the Server List of this master."""
    _ready()
    from posthouse.cluster import looking, pairing
    from posthouse.cluster.addresses import Address

    with _sentences():
        found = looking.look(Address(host, port, namespace))
        pairing.check_slave(found, name)
        _compare(found.name, found.fingerprint, fingerprint)
        pairing.add(name, host, namespace, port, alternate, expected_key=found.keys[0])
    typer.echo(f"{name} is in the Server List now. Next: posthouse cluster test {name}, posthouse cluster sync {name}.")


@app.command()
def test(name: str) -> None:
    """Test the way to another server, step by step. Exit code 1 when something does not work."""
    _ready()
    from posthouse.cluster import testing

    with _sentences():
        lines = testing.test(_server(name))
    for line in lines:
        typer.echo(f"{'ok    ' if line.ok else 'FAILED'}  {line.name}: {line.result}")
        if not line.ok and line.cure:
            typer.echo(f"        {line.cure}")
    if not all(line.ok for line in lines):
        raise typer.Exit(1)


@app.command()
def sync(name: str) -> None:
    """Sync a slave now, and wait for the end. The server must be running: it does the work."""
    _ready()
    from posthouse.sync import runs

    with _sentences():
        run = runs.start(_server(name))
        end = time.monotonic() + WAIT_SECONDS
        while run.ended_at is None:
            if time.monotonic() > end:
                raise Stop(f"The sync has not ended after {WAIT_SECONDS:.0f} s. Is the server running?")
            time.sleep(0.1)
            run.refresh_from_db()
    if run.state != "done":
        raise Stop(f"The sync of {name} failed: {run.last_error}")
    typer.echo(f"{name} is in sync: {run.added} added, {run.changed} changed, {run.removed} removed.")


def _ready() -> str:
    """Load the apps and return the name of this server."""
    from posthouse.cli.ready import django_ready

    return django_ready().name


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what the cluster refuses into a sentence and exit code 1."""
    from django.db import DatabaseError

    from posthouse.cluster.addresses import BadAddress
    from posthouse.cluster.errors import CallError
    from posthouse.cluster.pairing import PairingRefused
    from posthouse.sync.runs import NotPossible

    try:
        yield
    except (BadAddress, CallError, NotPossible, PairingRefused) as error:
        raise Stop(str(error)) from error
    except DatabaseError as error:
        raise Stop(f"The database cannot be used: {str(error).strip()}") from error


def _server(name: str):  # type: ignore[no-untyped-def]  # the model can be imported only once the apps are loaded
    from posthouse.cluster.models import Server

    server = Server.objects.filter(name__iexact=name, is_self=False, removed_at=None).first()
    if server is None:
        raise Stop(f"There is no server called {name} in the Server List.")
    return server


def _compare(name: str, shown: str, expected: str | None) -> None:
    if expected is not None:
        if expected.strip().upper() != shown:
            raise Stop(f"{name} shows the fingerprint {shown}, not the one that you gave. Nothing was changed.")
        return
    typer.echo(f"{name} shows the fingerprint {shown}.")
    if not sys.stdin.isatty():
        raise Stop("Without a terminal, give its fingerprint with --fingerprint.", 2)
    if not typer.confirm("Does `posthouse cluster fingerprint` on that server show the same?"):
        raise Stop("Nothing was changed.")


def _confirm_overwriting(name: str) -> None:
    typer.echo("All accounts of this server will be replaced by those of the master.")
    if typer.prompt(f"Type the name of this server ({name}) to go on").strip() != name:
        raise Stop("Nothing was changed.")
