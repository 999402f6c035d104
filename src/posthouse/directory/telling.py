"""Telling administrators that a directory cannot be imported, or that too many people have vanished from it."""

from __future__ import annotations

from collections.abc import Iterator

from posthouse.directory.models import Connection
from posthouse.notices import outbox
from posthouse.notices.conditions import Condition
from posthouse.notices.letters import Letter, link, moment

ALLOWED = 3
"""Imports that may fail in a row before administrators are told."""


def failed(connection: Connection, error: str) -> None:
    """Tell every administrator, once for each time that it happens. Call it in the transaction of the failure."""
    if connection.stopped.get("digest") and connection.stopped["digest"] != connection.approved:
        _stopped(connection)
    elif connection.failures >= ALLOWED and connection.failing_since is not None:
        letter = Letter(
            subject=f"The directory {connection.name} cannot be imported",
            text=f"The last {connection.failures} imports of the directory {connection.name} have failed. All"
            " accounts stay as they are. People who log in by it may not be able to.",
            facts={
                "Directory": connection.name,
                "Failing since": moment(connection.failing_since),
                "Last error": error,
            },
            link=link("directory:show", connection.pk),
            action="Look at the directory, and test it",
        )
        outbox.tell(outbox.administrators(), _event(connection), letter)


def well_again(before: Connection) -> None:
    """Tell every administrator that a directory is imported again, if they were told that it was not."""
    if before.failures < ALLOWED or before.failing_since is None:
        return
    letter = Letter(
        subject=f"The directory {before.name} is imported again",
        text=f"An import of the directory {before.name} has succeeded.",
        facts={"Directory": before.name, "It was failing since": moment(before.failing_since)},
        link=link("directory:show", before.pk),
        action="Look at the directory",
    )
    outbox.tell(outbox.administrators(), f"{_event(before)}:well", letter)


def _stopped(connection: Connection) -> None:
    stopped = connection.stopped
    letter = Letter(
        subject=f"Too many people have vanished from the directory {connection.name}",
        text=f"An import of the directory {connection.name} would switch off {stopped['count']} of {stopped['present']}"
        " accounts. That is too many to believe it, so nobody was switched off. New people and changes were imported.",
        facts={"Directory": connection.name, "Accounts": str(stopped["count"])},
        link=link("directory:show", connection.pk),
        action="Look at who they are, and decide",
    )
    event = f"directory-guard:{connection.pk}:{stopped['at']}"
    outbox.tell(outbox.administrators(), event, letter)


def conditions() -> Iterator[Condition]:
    """Yield which directories need an administrator."""
    for connection in Connection.objects.filter(enabled=True).exclude(failures=0).order_by("name"):
        if connection.stopped:
            count = connection.stopped["count"]
            text = f"{count} people have vanished from the directory {connection.name}: should they be switched off?"
            yield Condition(text, "directory:list", "Directories")
        elif connection.failures >= ALLOWED:
            yield Condition(f"The directory {connection.name} cannot be imported.", "directory:list", "Directories")


def _event(connection: Connection) -> str:
    since = connection.failing_since
    return f"directory-failing:{connection.pk}:{since.isoformat() if since else ''}"
