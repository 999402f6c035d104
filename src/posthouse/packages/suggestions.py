"""Whom somebody may mean as a recipient by what he has typed so far."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Count
from django.db.models.functions import Lower

from posthouse.accounts import people, permissions, workgroups
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.packages import destinations, policies, recipients

GROUPS = 3


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
    """Return users whose names begin so, workgroups, and the address itself if it belongs to nobody here."""
    here = servers.this()
    groups = [
        Suggestion(f"workgroup:{group.pk}", group.name, f"Workgroup, {group.members} people", "")
        for group in workgroups.sendable_by(user)
        .filter(name__prefix=typed)
        .annotate(members=Count("memberships"))
        .order_by(Lower("name"))[:GROUPS]
    ]
    found = [
        Suggestion(person.login, str(person), person.email, (person.home or here).name)
        for person in people.complete(typed, limit - len(groups), user)
    ]
    return [*groups, *found] or _outside(typed, user, here)


def _outside(typed: str, user: User, here: Server) -> list[Suggestion]:
    address = typed.lower()
    try:
        validate_email(address)
    except ValidationError:
        return []
    allowed = policies.outside().allowed and permissions.may(user, permissions.OUTSIDE) and not user.local
    if not allowed or recipients.find([address]) or recipients.shared_by_several(address):
        return []
    home = Server.objects.filter(pk=destinations.home_of_outside(address, here)).first() or here
    return [Suggestion(address, address, "Outside, gets a link by e-mail", home.name)]
