"""At which server a recipient fetches a package."""

from __future__ import annotations

from uuid import UUID

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server


def of(person: User | None, email: str, here: Server) -> UUID:
    """Return the id of the server where a recipient fetches packages: a user, or somebody outside."""
    return home_of(person, here) if person else home_of_outside(email, here)


def home_of(person: User, here: Server) -> UUID:
    """Return the id of the server where this person fetches packages.

    A local account is known here only. Who has no home server lives at the master, if there is one.
    """
    if person.local:
        return here.pk
    return person.home_id or (servers.master() or here).pk


def home_of_outside(email: str, here: Server) -> UUID:  # noqa: ARG001
    """Return the id of the server where a recipient outside fetches packages: the sender's."""
    return here.pk
