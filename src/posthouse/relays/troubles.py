"""What can go wrong with a relay: what each trouble asks for, and its cure in words. Pure: one table.

The sentence of an error says what happened just now; the table says what kind of trouble that is, who can mend it and
how, and whether it is the link's (no relay to that server would get through) or this relay's alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.cluster.errors import (
    Broken,
    CallError,
    Failed,
    Kind,
    NameUnknown,
    NotPosthouse,
    NotTrusted,
    Unreachable,
    VersionDiffers,
    WrongCertificate,
    WrongClock,
)
from posthouse.store.errors import (
    BlobDamaged,
    BlobMissing,
    StoreBroken,
    StoreError,
    StoreFull,
    StoreMissing,
    StoreReadOnly,
)

TEMPORARY, ADMINISTRATOR, PERMANENT = Kind.TEMPORARY, Kind.ADMINISTRATOR, Kind.PERMANENT


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble."""

    code: str
    kind: Kind
    title: str
    """What it is, in a few words."""
    cure: str
    """What helps, as a sentence for an administrator."""
    of_link: bool = False
    """No relay to that server would have got through, whatever it carries."""


_LIST = (
    # The line
    Trouble(
        "unreachable",
        TEMPORARY,
        "Server not reached",
        "Nothing to do if the server or the line is down for a while. Else check with Test in the Server List: address,"
        " port, firewalls.",
        of_link=True,
    ),
    Trouble(
        "name",
        TEMPORARY,
        "Name not known",
        "Check the host name in the Server List, and the name service of this server.",
        of_link=True,
    ),
    Trouble(
        "broken",
        TEMPORARY,
        "Connection broke",
        "Nothing to do: it goes on where it was. If it happens often, look at the line and at proxies that end long"
        " requests.",
        of_link=True,
    ),
    Trouble(
        "damaged_line",
        TEMPORARY,
        "Damaged on the way",
        "Nothing to do: the part is sent again. If it happens often, a network card or the memory of a machine is bad.",
    ),
    Trouble(
        "failed",
        TEMPORARY,
        "Fault at the destination",
        "Look at the log of the destination server.",
        of_link=True,
    ),
    # What two servers think of each other
    Trouble(
        "certificate",
        ADMINISTRATOR,
        "Wrong certificate",
        "If the certificate was renewed, open the server in the Server List and choose Test. If not, find out what"
        " answers at its address.",
        of_link=True,
    ),
    Trouble(
        "address",
        ADMINISTRATOR,
        "Something else answers",
        "Check address, port and URL namespace in the Server List.",
        of_link=True,
    ),
    Trouble(
        "signature",
        ADMINISTRATOR,
        "Signature refused",
        "Sync the destination. If one of the two servers was set up anew, remove it from the cluster and pair it"
        " again.",
        of_link=True,
    ),
    Trouble(
        "stranger",
        ADMINISTRATOR,
        "Not known there",
        "Sync the destination. If its configuration was reset, remove it at the master, or pair it again.",
        of_link=True,
    ),
    Trouble(
        "cast_out",
        ADMINISTRATOR,
        "This server was removed there",
        "Sync this server. If it is to stay in the cluster, pair it again.",
        of_link=True,
    ),
    Trouble(
        "clock",
        ADMINISTRATOR,
        "Clocks differ",
        "Set the clocks of both servers by NTP.",
        of_link=True,
    ),
    Trouble(
        "version",
        ADMINISTRATOR,
        "Versions differ",
        "Bring both servers to the same version.",
        of_link=True,
    ),
    Trouble(
        "licence",
        ADMINISTRATOR,
        "Licence missing",
        "Enter a valid licence at the server that the message names.",
    ),
    # Disks
    Trouble(
        "full_there",
        ADMINISTRATOR,
        "Disk full at the destination",
        "Make room at the destination. What has arrived is kept.",
    ),
    Trouble(
        "store_there",
        ADMINISTRATOR,
        "Store at the destination",
        "Mend what the message says at the destination: its store is read-only, not there, or its disk is bad.",
    ),
    Trouble(
        "full_here",
        ADMINISTRATOR,
        "Disk full here",
        "Make room on this server.",
    ),
    Trouble(
        "store_here",
        ADMINISTRATOR,
        "Store here",
        "Mount the disk of the store, and let Posthouse's account read and write there.",
    ),
    Trouble(
        "disk_here",
        ADMINISTRATOR,
        "Disk error here",
        "Look at the disk of this server's store, then retry the relay.",
    ),
    Trouble(
        "lost_here",
        PERMANENT,
        "Contents lost here",
        "Bring the store back from a backup and retry the relay, or have the package sent again.",
    ),
    Trouble(
        "damaged_here",
        PERMANENT,
        "File damaged here",
        "Bring the file that the message names back from a backup and retry the relay, or have the package sent again."
        " Look at the disk: what was written is not what is read.",
    ),
    # The package and its people
    Trouble(
        "recipient",
        TEMPORARY,
        "Recipient not known there yet",
        "Sync the destination.",
    ),
    Trouble(
        "moved",
        TEMPORARY,
        "Recipient has moved",
        "Nothing to do if both servers are in sync: it is planned anew. Else sync them.",
    ),
    Trouble(
        "refused",
        PERMANENT,
        "Refused",
        "Look at what the message says, and at the log of the destination.",
    ),
    # Between workers, and by people
    Trouble("busy", TEMPORARY, "Part in use", "Nothing to do: an older connection still sends it."),
    Trouble("overtaken", TEMPORARY, "Taken over", "Nothing to do: another worker goes on with it."),
    Trouble("forgotten", TEMPORARY, "Forgotten there", "Nothing to do: it is offered again."),
    Trouble("fault", TEMPORARY, "Fault of this server", "Look at the log of this server."),
    Trouble("lifetime", PERMANENT, "Lifetime over", "Retry it when the destination can be reached."),
    Trouble("removed", PERMANENT, "Server removed", "Pair the server again, then retry the relay."),
    Trouble("cancelled", PERMANENT, "Cancelled", "Retry it if it is wanted after all."),
)
TABLE = {trouble.code: trouble for trouble in _LIST}

_CALLS: tuple[tuple[type[CallError], str], ...] = (
    (NameUnknown, "name"),
    (Broken, "broken"),
    (Unreachable, "unreachable"),
    (Failed, "failed"),
    (WrongCertificate, "certificate"),
    (NotPosthouse, "address"),
    (WrongClock, "clock"),
    (VersionDiffers, "version"),
)
_STORE: tuple[tuple[type[StoreError], str], ...] = (
    (StoreFull, "full_here"),
    (StoreReadOnly, "store_here"),
    (StoreMissing, "store_here"),
    (StoreBroken, "disk_here"),
    (BlobDamaged, "damaged_here"),
    (BlobMissing, "lost_here"),
)
_TOLD = {
    "full": "full_there",
    "store": "store_there",
    "digest": "damaged_line",
    "locked": "busy",
    "fence": "overtaken",
    "unoffered": "forgotten",
    "unknown": "recipient",
    "moved": "moved",
    "licence": "licence",
}
_MISTRUST = {"unknown": "stranger", "removed": "cast_out"}


def of(error: CallError | StoreError) -> Trouble:
    """Return which trouble an error is."""
    if isinstance(error, StoreError):
        return TABLE[next((code for kind, code in _STORE if isinstance(error, kind)), "disk_here")]
    if isinstance(error, NotTrusted):
        return TABLE[_MISTRUST.get(error.code, "signature")]
    for kind, code in _CALLS:
        if isinstance(error, kind):
            return TABLE[code]
    return TABLE[_TOLD.get(error.code, "refused" if error.kind is PERMANENT else "failed")]
