"""`posthouse cluster …`: what the pages under Server > Multi-Server do, for scripts and for people without browsers."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from posthouse.cli import cluster_decide, cluster_keys, cluster_state
from posthouse.cli.administering import ready, sentences, server
from posthouse.cli.errors import Stop

app = typer.Typer(help="Join servers to a cluster, test and sync them.", no_args_is_help=True)

Fingerprint = Annotated[
    str | None, typer.Option(help="Fingerprint that `posthouse cluster fingerprint` shows on the other server.")
]


class Links(StrEnum):
    """The addresses of a server."""

    MAIN = "main"
    ALTERNATE = "alternate"


@app.command()
def fingerprint() -> None:
    """Show the fingerprint of this server's identity key, to be compared on the other server."""
    ready()
    from posthouse.cluster import identity

    typer.echo(identity.fingerprint(identity.public_key()))


@app.command()
def convert(
    address: Annotated[str, typer.Argument(help="Host name or IP address of the master, with :port unless it is 443.")],
    fingerprint: Fingerprint = None,
) -> None:
    """Convert this server to a slave. Its accounts will be replaced by those of the master."""
    name = ready()
    from posthouse.audit import log
    from posthouse.cluster import pairing

    with sentences():
        found = pairing.look(address)
        pairing.check_master(found)
        _compare(found, fingerprint)
        if fingerprint is None:
            _confirm_overwriting(name)
        master = pairing.convert(address, expected_key=found.keys[0], by=log.COMMAND_LINE)
    typer.echo(f"This server is a slave of {master.name} now. Add it there: posthouse cluster add.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the slave in the Server List.")],
    host: Annotated[str, typer.Argument(help="Host name or IP address of the slave.")],
    port: Annotated[int, typer.Option(help="HTTPS port.")] = 443,
    namespace: Annotated[str, typer.Option(help="URL namespace.")] = "/aspera/faspex",
    alternate: Annotated[str, typer.Option(help="Alternate address: host, or host:port.")] = "",
    links: Annotated[Links, typer.Option(help="Which address mails of the slave send people to.")] = Links.MAIN,
    fingerprint: Fingerprint = None,
) -> None:
    """Add a slave to the Server List of this master."""
    if links == Links.ALTERNATE and not alternate:
        raise Stop("Give the address to which people are to be sent with --alternate.", 2)
    ready()
    from posthouse.audit import log
    from posthouse.cluster import looking, pairing
    from posthouse.cluster.addresses import Address

    with sentences():
        found = looking.look(Address(host, port, namespace))
        pairing.check_slave(found, name)
        _compare(found, fingerprint)
        pairing.add(
            name, host, namespace, port, alternate, links.value, expected_key=found.keys[0], by=log.COMMAND_LINE
        )
    typer.echo(f"{name} is in the Server List now. Next: posthouse cluster test {name}, posthouse cluster sync {name}.")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Name in the Server List.")],
    confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """On the master: take a slave out of the cluster. Its key is refused here at once, elsewhere after a sync."""
    ready()
    from posthouse.audit import log
    from posthouse.cluster import pairing

    with sentences():
        slave = server(name)
        _confirm(f"Remove {slave.name} from the cluster? Relays that wait for it end as failed.", confirmed)
        pairing.remove(slave, by=log.COMMAND_LINE)
    typer.echo(f"{slave.name} was removed. To use it alone, run there: posthouse cluster reset.")


@app.command()
def reset(confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """On a slave: make it a stand-alone server again, with its accounts and packages."""
    ready()
    from posthouse.audit import log
    from posthouse.cluster import pairing

    with sentences():
        _confirm("Make this slave a stand-alone server?", confirmed)
        pairing.reset(by=log.COMMAND_LINE)
    typer.echo("This server stands alone again. Its accounts and packages are all here.")


cluster_state.register(app)
app.command()(cluster_keys.keys)
cluster_decide.register(app)


def _compare(found: Any, expected: str | None) -> None:
    """Go on only if the fingerprint of the server that answers is the one that is expected. Raises Stop."""
    from posthouse.cluster import identity

    if expected is not None:
        if not identity.is_fingerprint(expected, found.keys[0]):
            raise Stop(
                f"{found.name} shows the fingerprint {found.fingerprint}, not the one that you gave."
                " Nothing was changed."
            )
        return
    typer.echo(f"{found.name} shows the fingerprint {found.fingerprint}.")
    if not sys.stdin.isatty():
        raise Stop("Without a terminal, give its fingerprint with --fingerprint.", 2)
    if not typer.confirm("Does `posthouse cluster fingerprint` on that server show the same?"):
        raise Stop("Nothing was changed.")


def _confirm(question: str, confirmed: bool) -> None:
    if confirmed:
        return
    if not sys.stdin.isatty():
        raise Stop("Without a terminal, confirm it with --yes.", 2)
    if not typer.confirm(question):
        raise Stop("Nothing was changed.")


def _confirm_overwriting(name: str) -> None:
    typer.echo("All accounts of this server will be replaced by those of the master.")
    if typer.prompt(f"Type the name of this server ({name}) to go on").strip() != name:
        raise Stop("Nothing was changed.")
