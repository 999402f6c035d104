"""The command line. Each command loads what it needs when it runs, so that all of them start fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from posthouse import __version__
from posthouse.cli.accounts import app as accounts
from posthouse.cli.cluster import app as cluster
from posthouse.cli.directory import app as directory
from posthouse.cli.errors import Stop
from posthouse.cli.homes import app as homes
from posthouse.cli.licence import app as licence
from posthouse.cli.packages import app as packages
from posthouse.config.options import CONFIG_VARIABLE

app = typer.Typer(
    name="posthouse",
    help="A package delivery server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(cluster, name="cluster")
app.add_typer(homes, name="homes")
app.add_typer(directory, name="directory")
app.add_typer(licence, name="licence")
app.add_typer(licence, name="license", hidden=True)  # as it is spelled elsewhere
app.add_typer(accounts, name="accounts")
app.add_typer(packages)  # without a name: its commands are those of everyday


@app.callback()
def settings(
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: posthouse.toml here, else in /etc/posthouse).")
    ] = None,
) -> None:
    """Posthouse delivers large packages of files between servers that share one user domain."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)


@app.command()
def init(
    name: Annotated[str | None, typer.Option(help="What people call this server.")] = None,
    host: Annotated[str | None, typer.Option(help="Host name or IP address at which it is reached.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTPS port at which it is reached.")] = None,
    namespace: Annotated[str | None, typer.Option(help="URL namespace.")] = None,
    bind: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of database, store and keys.")] = None,
    database_url: Annotated[str | None, typer.Option(help="PostgreSQL instead of SQLite.")] = None,
) -> None:
    """Make a new server: settings, keys, certificate, database. Run again, it completes what is missing."""
    from posthouse.cli.init import init as steps

    answers: dict[str, object] = {
        "name": name,
        "host": host,
        "port": port,
        "namespace": namespace,
        "bind": bind,
        "data_dir": data_dir.absolute() if data_dir else None,
        "database_url": database_url,
    }
    for line in steps({key: value for key, value in answers.items() if value is not None}):
        typer.echo(line)
    typer.echo("Next: `posthouse createadmin`, then `posthouse serve`.")


@app.command()
def createadmin(
    login: Annotated[str, typer.Option(prompt="User name")],
    name: Annotated[str, typer.Option(prompt="Name")],
    email: Annotated[str, typer.Option(prompt="E-mail address")],
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
) -> None:
    """Make an administrator of this server."""
    from posthouse.cli.ready import django_ready

    django_ready()
    from posthouse.cli.administrators import create

    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    typer.echo(create(login, name, email, password))


@app.command()
def unlock(
    login: Annotated[str | None, typer.Argument(help="User name; without it, everybody and every address.")] = None,
    networks: Annotated[bool, typer.Option("--networks", help="Let people log in from every network again.")] = False,
) -> None:
    """Let somebody log in again whom wrong passwords, or the wrong network, keep out."""
    from posthouse.cli.ready import django_ready

    django_ready()
    from posthouse.cli.administrators import unlock as run

    typer.echo(run(login, networks=networks))


@app.command()
def serve() -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    from posthouse.cli.ready import django_ready

    options = django_ready(quiet=False)
    from posthouse.cli.serve import serve as run

    raise typer.Exit(run(options))


@app.command()
def check() -> None:
    """Look for what is wrong with this server's settings, files and database, and say what to do."""
    from posthouse.cli.check import check as run

    raise typer.Exit(run())


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder for the servers (default: a passing one).")
    ] = None,
) -> None:
    """Show a cluster of three servers on this machine: packages from Paris to Tokyo and Rio."""
    from posthouse.cli.demo import demo as run

    raise typer.Exit(run(folder))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"Posthouse {__version__}")


def main() -> None:
    """Run the command line, and turn what stops a command into a sentence and an exit code."""
    try:
        app()
    except Stop as stop:
        typer.echo(f"posthouse: {stop}", err=True)
        sys.exit(stop.code)
