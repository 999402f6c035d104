"""Who is behind user names and e-mail addresses, many at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.db.models.functions import Lower

from posthouse.accounts.models import User

BATCH = 500
"""Names per query: databases bound the number of values in one."""
ADDRESS = 254
"""Characters of an e-mail address (RFC 5321)."""
BETWEEN = re.compile(r"[,;\t\r\n]+")
ADDRESSED = re.compile(r"(.*?)<([^<>]+)>\s*")


@dataclass(frozen=True)
class Known:
    """Who is behind some names."""

    people: dict[str, User] = field(default_factory=dict)
    """Active users by what was given, in lower case."""
    several: set[str] = field(default_factory=set)
    """E-mail addresses that more than one active user has."""


def find(given: Iterable[str]) -> Known:
    """Return who is behind user names and e-mail addresses.

    A local account is found only where no account of the whole domain bears the name; an address that several users
    have finds none of them.
    """
    known = Known()
    rest = iter({one.lower() for one in given})
    while some := list(islice(rest, BATCH)):
        able = User.objects.able()
        for user in _by(able, "login", some).order_by("-local"):
            known.people[user.login.lower()] = user
        addresses = [one for one in some if "@" in one and one not in known.people]
        by_address: dict[str, list[User]] = {}
        for user in _by(able.filter(local=False), "email", addresses) if addresses else ():
            by_address.setdefault(user.email.lower(), []).append(user)
        known.people.update({address: users[0] for address, users in by_address.items() if len(users) == 1})
        known.several.update(address for address, users in by_address.items() if len(users) > 1)
    return known


def typed(text: str) -> list[tuple[str, str]]:
    """Return what somebody typed as (name or address in lower case, what stands before <address>). Pure.

    They stand one on a line, or with commas, semicolons or tabs between.
    """
    found: dict[str, str] = {}
    for piece in BETWEEN.split(text.replace("\0", "")):
        addressed = ADDRESSED.fullmatch(piece.strip())
        called, name = (addressed[1].strip(' "'), addressed[2]) if addressed else ("", piece)
        if name := " ".join(name.split()).lower():
            found.setdefault(name, called[:200])
    return list(found.items())


def is_address(text: str) -> bool:
    """Return whether a text is an e-mail address to which mail can go. Pure."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= ADDRESS  # the validator allows more than any column and mail server does


def _by(users: QuerySet[User], column: str, some: Sequence[str]) -> QuerySet[User]:
    return users.annotate(lower=Lower(column)).filter(lower__in=some)
