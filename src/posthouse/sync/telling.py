"""Telling administrators that a slave is OUT OF SYNC, and that it is well again (R28, R29)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.notices import outbox
from posthouse.notices.conditions import Condition
from posthouse.notices.letters import Letter, link, moment
from posthouse.sync.models import Copy, Hold

NAMED = 3


def out_of_sync(copy: Copy) -> None:
    """Tell every administrator, once for each time that it happens. Call it in the transaction that makes it so."""
    server = copy.server
    letter = Letter(
        subject=f"{server.name} is OUT OF SYNC",
        text=f"The automatic syncs of {server.name} have failed too often in a row. It goes on working with the "
        "accounts that it has, and is not synced any more until a Sync by hand has succeeded.",
        facts={
            "Server": f"{server.name}, {server.address}",
            "OUT OF SYNC since": moment(copy.since),
            "Last sync that succeeded": moment(copy.synced_at),
            "Last error": copy.reason,
        },
        link=link("sync:servers"),
        action="Test and Sync it in the Server List",
    )
    outbox.tell(outbox.administrators(), _event(server, copy.since), letter)


def held(hold: Hold, reason: str) -> None:
    """Tell every administrator that a sync waits for a decision. Call it in the transaction that makes it so."""
    server = hold.server
    letter = Letter(
        subject=f"{server.name} is OUT OF SYNC: a sync waits for your decision",
        text=reason,
        facts={
            "Server": f"{server.name}, {server.address}",
            "Waiting since": moment(hold.at),
            "Accounts there": str(hold.present),
            "Would vanish": str(hold.vanishing),
            "Would change": str(hold.changing),
            "Would appear": str(hold.appearing),
        },
        link=link("sync:hold", server.pk),
        action="See who they are, and decide",
    )
    outbox.tell(outbox.administrators(), f"held:{server.pk}:{hold.at.isoformat()}", letter)


def well_again(server: Server, lost: datetime) -> None:
    """Tell every administrator that the slave is OK, which was OUT OF SYNC since `lost`."""
    letter = Letter(
        subject=f"{server.name} is in sync again",
        text=f"A sync of {server.name} has succeeded, and both servers have proven that they hold the same accounts. "
        "It is synced automatically again.",
        facts={"Server": f"{server.name}, {server.address}", "It was OUT OF SYNC since": moment(lost)},
        link=link("sync:history"),
        action="View History",
    )
    outbox.tell(outbox.administrators(), f"{_event(server, lost)}:well", letter)


def conditions() -> Iterator[Condition]:
    """Yield that slaves are OUT OF SYNC, while they are."""
    if servers.this().role != Server.Role.MASTER:
        return
    lost = Copy.objects.filter(status=Copy.Status.OUT_OF_SYNC, server__removed_at=None).select_related("server")
    names = [copy.server.name for copy in lost.order_by("server__name")]
    if len(names) == 1:
        yield Condition(f"{names[0]} is OUT OF SYNC. {lost[0].reason}", "sync:servers", "Server List")
    elif names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield Condition(f"{', '.join(names[:NAMED])}{more} are OUT OF SYNC.", "sync:servers", "Server List")


def _event(server: Server, since: datetime) -> str:
    return f"out-of-sync:{server.pk}:{since.isoformat()}"
