"""Telling the sender and the administrators that a relay has failed (D12)."""

from __future__ import annotations

from posthouse.notices import outbox, wordings
from posthouse.notices.letters import link
from posthouse.notices.wordings import Wording
from posthouse.packages.models import Delivery, Package
from posthouse.relays.models import Relay
from posthouse.web import units

NAMED = 5
FAILED = wordings.register(
    Wording(
        name="relay-failed",
        title="Relay failed",
        who="The sender and all administrators, when a package did not get to a server.",
        subject="“{title}” could not be relayed to {server}",
        text="The package “{title}” did not get to {server}, and is not tried any more by itself. Its recipients there"
        " cannot fetch it. Nothing is lost: the package is still whole on this server.",
        action="Look at its relays",
        variables={"title": "Rushes of day 12", "server": "tokyo", "sender": "Alice"},
        facts={
            "Package": "Rushes of day 12, 48.3 GB",
            "From": "Alice, alice@example.com",
            "Recipients there": "Bob",
            "Reason": "Nothing answers at tokyo.example, port 443.",
        },
    )
)


def failed(relay: Relay, error: str) -> None:
    """Tell the sender and every administrator, once for each time that it fails. Call it in its transaction.

    A server is removed by an administrator who was told what becomes of its relays: then only senders are told.
    """
    package, server = relay.package, relay.destination
    if Package.objects.filter(pk=package.pk, ended_at__isnull=False).exists():
        return  # it was recalled, or has expired: nobody waits for it
    letter = FAILED.letter(
        {"title": package.title, "server": server.name, "sender": str(package.sender)},
        {
            "Package": f"{package.title}, {units.size(package.size)}",
            "From": f"{package.sender}, {package.sender.email}",
            "Recipients there": _recipients(relay),
            "Reason": error,
        },
        link("relays:package", package.pk),
    )
    others = [] if server.removed_at else outbox.administrators()
    outbox.tell([package.sender, *others], f"relay-failed:{relay.pk}:{relay.since.isoformat()}", letter)


def _recipients(relay: Relay) -> str:
    there = Delivery.objects.filter(package=relay.package_id, home=relay.destination_id)
    openly = there.filter(private=False).select_related("recipient").order_by("pk")[:NAMED]
    names = [
        delivery.who for delivery in openly
    ]  # the letter goes to administrators too: private ones are counted only
    more = there.count() - len(names)
    if not names:
        return f"{more} private"
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
