"""Whom somebody may mean as a recipient by what he has typed so far."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.functions import Lower

from posthouse.accounts import naming, permissions, workgroups
from posthouse.accounts import people as accounts
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.contacts import book, lists
from posthouse.packages import destinations, policies

GROUPS = 3
MANY = 1_000
"""More members of a workgroup than these are not counted."""
OUTSIDE = "Outside, gets a link by e-mail"


@dataclass(frozen=True)
class Suggestion:
    """A recipient to choose."""

    login: str
    """How a call names it."""
    name: str
    email: str
    """The e-mail address, or what else tells it from others."""
    home: str
    """Where the package will go."""


def complete(typed: str, limit: int, user: User) -> list[Suggestion]:
    """Return whom may be meant: one's lists and workgroups, users, one's contacts, and an address typed whole.

    The last one only if it belongs to nobody here. Lists and users that begin so come before the contacts.
    """
    here = servers.this()
    together = [
        Suggestion(f"list:{found.pk}", found.name, f"Your list, {people(count)}", "")
        for found, count in lists.counted(lists.of(user).filter(name__prefix=typed)[:GROUPS])
    ]
    groups = workgroups.sendable_by(user).filter(name__prefix=typed).order_by(Lower("name"))
    together += [
        Suggestion(
            f"workgroup:{group.pk}", group.name, f"Workgroup, {people(group.memberships.all()[: MANY + 1].count())}", ""
        )
        for group in groups[:GROUPS]
    ]
    found = [
        Suggestion(person.login, str(person), person.email, (person.home or here).name)
        for person in accounts.complete(typed, limit - len(together), user)
    ]
    return [*together, *found, *_outside(typed, limit - len(together) - len(found), user, here)]


def _outside(typed: str, limit: int, user: User, here: Server) -> list[Suggestion]:
    if limit <= 0 or user.local or not policies.outside().allowed or not permissions.may(user, permissions.OUTSIDE):
        return []
    named = {contact.email: contact.name for contact in book.of(user, typed)[:limit]}
    address = typed.lower()
    if address not in named and naming.is_address(address):
        named[address] = ""
    known = naming.find(named)
    free = [email for email in named if email not in known.people and email not in known.several]
    homes = destinations.of_all([(None, email) for email in free], here)
    names = dict(Server.objects.filter(pk__in=set(homes)).values_list("pk", "name"))
    return [
        Suggestion(email, named[email] or email, f"{email}, outside" if named[email] else OUTSIDE, names[home])
        for email, home in zip(free[:limit], homes, strict=False)
    ]


def people(count: int) -> str:
    """Return a number of people in words. Pure."""
    if count > MANY:
        return f"more than {MANY:,} people"
    return f"{count:,} {'person' if count == 1 else 'people'}"
