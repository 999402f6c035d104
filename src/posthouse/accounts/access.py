"""Who may do what, and on which server."""

from __future__ import annotations

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server


def elsewhere(user: User) -> Server | None:
    """Return the server to which this person must go to log in, or None when it is this one (M1).

    Administrators can log in everywhere. Who has no home server yet lives at the master.
    """
    if user.is_administrator or user.local:
        return None
    home = user.home or servers.master()
    return None if home is None or home.is_self else home


def keeper(user: User | None = None) -> Server | None:
    """Return the server on which accounts, or this account, must be changed; None when it is this one (M3).

    A slave holds copies of the master's accounts. A local account belongs to the server it is on.
    """
    if user is not None and user.local:
        return None
    here = servers.this()
    if here.role != Server.Role.SLAVE:
        return None
    return servers.master() or here
