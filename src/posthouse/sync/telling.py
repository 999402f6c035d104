"""Telling administrators that a slave is OUT OF SYNC, and that it is well again (R28, R29)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.notices import outbox, wordings
from posthouse.notices.conditions import Condition
from posthouse.notices.letters import Letter, link, moment
from posthouse.notices.wordings import Wording
from posthouse.sync.models import Copy, Hold

NAMED = 3
LOST = wordings.register(
    Wording(
        name="out-of-sync",
        title="OUT OF SYNC",
        who="All administrators, when the automatic syncs of a slave have failed too often.",
        subject="{server} is OUT OF SYNC",
        text="The automatic syncs of {server} have failed too often in a row. It goes on working with the accounts that"
        " it has, and is not synced any more until a Sync by hand has succeeded.",
        action="Test and Sync it in the Server List",
        variables={"server": "tokyo"},
        facts={
            "Server": "tokyo, https://tokyo.example/aspera/faspex/",
            "OUT OF SYNC since": "28 November 2026, 10:15 UTC",
            "Last sync that succeeded": "28 November 2026, 10:10 UTC",
            "Last error": "Nothing answers at tokyo.example, port 443.",
        },
    )
)
FOUND = wordings.register(
    Wording(
        name="in-sync-again",
        title="In sync again",
        who="All administrators, when a slave that was OUT OF SYNC is well again.",
        subject="{server} is in sync again",
        text="A sync of {server} has succeeded, and both servers have proven that they hold the same accounts. It is"
        " synced automatically again.",
        action="View History",
        variables={"server": "tokyo"},
        facts={
            "Server": "tokyo, https://tokyo.example/aspera/faspex/",
            "It was OUT OF SYNC since": "28 November 2026, 10:15 UTC",
        },
    )
)


def out_of_sync(copy: Copy) -> None:
    """Tell every administrator, once for each time that it happens. Call it in the transaction that makes it so."""
    server = copy.server
    letter = LOST.letter(
        {"server": server.name},
        {
            "Server": f"{server.name}, {server.address}",
            "OUT OF SYNC since": moment(copy.since),
            "Last sync that succeeded": moment(copy.synced_at),
            "Last error": copy.reason,
        },
        link("sync:servers"),
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
    letter = FOUND.letter(
        {"server": server.name},
        {"Server": f"{server.name}, {server.address}", "It was OUT OF SYNC since": moment(lost)},
        link("sync:history"),
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
