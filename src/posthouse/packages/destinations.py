"""At which server a recipient fetches a package."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.homes.external import homes_of_external


def of_all(recipients: Iterable[tuple[User | None, str]], here: Server) -> list[UUID]:
    """Return the ids of the servers where recipients fetch a package: users, or addresses outside."""
    known = list(recipients)
    outside = homes_of_external({email for user, email in known if user is None})
    return [home_of(user, here) if user else outside[email] or here.pk for user, email in known]


def home_of(person: User, here: Server) -> UUID:
    """Return the id of the server where this person fetches packages.

    A local account is known here only. Who has no home server lives at the master, if there is one.
    """
    if person.local:
        return here.pk
    return person.home_id or (servers.master() or here).pk
