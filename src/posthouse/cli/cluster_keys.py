"""`posthouse cluster keys`: the identity key of this server, and its rotation."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from posthouse.cli.administering import Json, echo_json, moment, ready, sentences
from posthouse.cli.errors import Stop


class Step(StrEnum):
    """What can be done with keys."""

    SHOW = "show"
    BEGIN = "begin"
    SWITCH = "switch"
    RETIRE = "retire"
    REPLACE = "replace"
    TELL = "tell"


def keys(
    step: Annotated[
        Step,
        typer.Argument(
            help="show; begin: make a new key; switch: sign with it; retire: have the old key be valid no longer;"
            " replace: all of that at once, for a key that was stolen; tell: tell those servers that do not know yet."
        ),
    ] = Step.SHOW,
    without: Annotated[
        bool, typer.Option("--without", help="Switch even if some servers do not know the new key yet.")
    ] = False,
    json: Json = False,
) -> None:
    """Show this server's keys, or take their rotation one step further. Exit code 1 when somebody was not told."""
    ready()
    from posthouse.audit.log import COMMAND_LINE
    from posthouse.cluster import rotation

    with sentences():
        if step == Step.BEGIN:
            rotation.begin(COMMAND_LINE)
        elif step == Step.SWITCH:
            rotation.tell_unaware()
            rotation.switch(COMMAND_LINE, without=without)
        elif step == Step.RETIRE:
            rotation.retire(COMMAND_LINE)
        elif step == Step.REPLACE:
            rotation.replace(COMMAND_LINE)
        failed = [] if step == Step.SHOW else rotation.tell_unaware()
        _show(json)
    if failed:
        why = " ".join(f"{server.name} was not told: {error}" for server, error in failed)
        raise Stop(f"{why} The running server tells them again and again.")


def _show(json: bool) -> None:
    from posthouse.cluster import identity
    from posthouse.cluster import keys as valid_keys
    from posthouse.cluster.rotation import unaware

    signing, change = identity.public_key(), valid_keys.rotation()
    waiting = [server.name for server in unaware()] if change else []
    if json:
        echo_json(
            {
                "fingerprint": identity.fingerprint(signing),
                "valid": [identity.fingerprint(key) for key in valid_keys.valid()],
                "stage": "none" if change is None else "switched" if signing == change.new else "begun",
                "began": moment(change.began_at) if change else None,
                "waiting_for": waiting,
            }
        )
        return
    for key in valid_keys.valid():
        typer.echo(f"{'signs' if key == signing else 'valid'}  {identity.fingerprint(key)}")
    if change is None:
        return
    if waiting:
        typer.echo(f"The new key is not known yet at {', '.join(waiting)}.")
    typer.echo(f"Next: posthouse cluster keys {'retire' if signing == change.new else 'switch'}")
