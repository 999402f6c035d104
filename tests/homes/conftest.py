"""Rules, and people of a directory, in one line each."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.utils import timezone

from posthouse.accounts.models import Entry, User
from posthouse.cluster.models import Server
from posthouse.homes.models import Default, Rule
from tests.conftest import make_user


def make_rule(name: str, home: Server, **fields: Any) -> Rule:
    """Return a new rule at the end of the list."""
    return Rule.objects.create(name=name, home=home, position=Rule.objects.count() + 1, **fields)


def choose_default(server: Server) -> None:
    """Choose the default server."""
    Default.objects.update_or_create(pk=Default.ONLY, defaults={"server": server})


def from_directory(login: str, home: Server, **facts: Any) -> User:
    """Return a user of whom a directory says something."""
    connection = uuid4()
    user = make_user(login, home, directory=connection)
    known = {"dn": f"CN={login},DC=example,DC=com", "groups": [], "fields": {}} | facts
    Entry.objects.create(user=user, connection=connection, uid=str(user.pk), read_at=timezone.now(), **known)
    return user
