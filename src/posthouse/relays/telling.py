"""Telling the sender and the administrators that a relay has failed (D12)."""

from __future__ import annotations

from posthouse.notices import outbox
from posthouse.notices.letters import Letter, link
from posthouse.packages.models import Delivery, Package
from posthouse.relays.models import Relay
from posthouse.web import units

NAMED = 5


def failed(relay: Relay, error: str) -> None:
    """Tell the sender and every administrator, once for each time that it fails. Call it in its transaction.

    A server is removed by an administrator who was told what becomes of its relays: then only senders are told.
    """
    package, server = relay.package, relay.destination
    if Package.objects.filter(pk=package.pk, ended_at__isnull=False).exists():
        return  # it was recalled, or has expired: nobody waits for it
    letter = Letter(
        subject=f"“{package.title}” could not be relayed to {server.name}",
        text=f"The package “{package.title}” did not get to {server.name}, and is not tried any more by itself. "
        "Its recipients there cannot fetch it. Nothing is lost: the package is still whole on this server.",
        facts={
            "Package": f"{package.title}, {units.size(package.size)}",
            "From": f"{package.sender}, {package.sender.email}",
            "Recipients there": _recipients(relay),
            "Reason": error,
        },
        link=link("relays:package", package.pk),
        action="Look at its relays",
    )
    others = [] if server.removed_at else outbox.administrators()
    outbox.tell([package.sender, *others], f"relay-failed:{relay.pk}:{relay.since.isoformat()}", letter)


def _recipients(relay: Relay) -> str:
    there = Delivery.objects.filter(package=relay.package_id, home=relay.destination_id)
    names = [delivery.who for delivery in there.select_related("recipient").order_by("pk")[:NAMED]]
    more = there.count() - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
