"""The address book: whom it remembers, and who is found in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.contacts.models import Contact
from posthouse.homes.behind import Left, People

BATCH = 500
MOST = 20_000
"""Contacts that one person may have."""


def of(owner: User, text: str = "") -> QuerySet[Contact]:
    """Return somebody's contacts whose name or address begins so, by name; all without text."""
    mine = Contact.objects.filter(owner=owner).order_by(Lower("name"), "email")
    text = text.strip()
    return mine.filter(Q(name__prefix=text) | Q(email__prefix=text)) if text else mine


def remember(owner: User, addresses: Iterable[str]) -> None:
    """Keep the addresses to which somebody sends, with the time; in the transaction that makes the package.

    Addresses are in lower case. What goes beyond MOST is not kept.
    """
    now = timezone.now()
    wanted = list(dict.fromkeys(addresses))
    known = by_address(owner, wanted)
    ids = [contact.pk for contact in known.values()]
    for at in range(0, len(ids), BATCH):
        Contact.objects.filter(pk__in=ids[at : at + BATCH]).update(used_at=now)
    add(owner, {address: "" for address in wanted if address not in known}, used_at=now)


def add(owner: User, names: dict[str, str], **fields: object) -> int:
    """Make contacts of addresses with names, as far as there is room; return how many were left out."""
    room = max(0, MOST - Contact.objects.filter(owner=owner).count()) if names else 0
    made = [Contact(owner=owner, email=email, name=name, **fields) for email, name in islice(names.items(), room)]
    # Two packages at once may bring the same address.
    Contact.objects.bulk_create(made, batch_size=BATCH, ignore_conflicts=True)
    return max(0, len(names) - room)


def by_address(owner: User, addresses: Sequence[str]) -> dict[str, Contact]:
    """Return those of somebody's contacts that have these addresses."""
    found: dict[str, Contact] = {}
    for at in range(0, len(addresses), BATCH):
        some = Contact.objects.filter(owner=owner, email__in=addresses[at : at + BATCH])
        found.update({contact.email: contact for contact in some})
    return found


def left(people: People) -> Left:
    """Count the contacts that these people have on this server, for whoever moves them to another one (R68)."""
    return Left(Contact.objects.filter(owner__in=people).count(), "external contact", "external contacts")
