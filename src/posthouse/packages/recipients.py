"""Recipients as they were named: users by name or address, workgroups as a whole, and people outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.db.models.functions import Lower

from posthouse.accounts import permissions, workgroups
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.packages import destinations, limits, names, words

BATCH = 500
"""Names per query: databases bound the number of values in one."""
WORKGROUP = re.compile(r"workgroup:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True)
class Named:
    """Somebody who is to get a package: a user, or else an address outside."""

    user: User | None
    email: str = ""
    private: bool = False


def recipients_of(sender: User, named: Sequence[str], private: Sequence[str]) -> tuple[list[Named], list[str]]:
    """Return the recipients, each once and in the order given, and what is wrong with them.

    Each is named by his user name or his e-mail address, in any case, or as one of "workgroup:ID". Whoever is named
    five ways gets the package once; who is named openly and privately is not private. The sender may name himself.
    """
    openly = dict.fromkeys(_names(named))
    order = [*openly, *(name for name in dict.fromkeys(_names(private)) if name not in openly)]
    if not order:
        return [], ["Name at least one recipient."]
    if len(order) > limits.RECIPIENTS:
        return [], [_too_many(len(order))]
    groups = {name: UUID(match[1]) for name in order if (match := WORKGROUP.fullmatch(name))}
    people = find(name for name in order if name not in groups)
    chosen: dict[UUID | str, Named] = {}
    complaints: list[str] = []
    for name in order:
        found, complaint = _members(sender, groups[name]) if name in groups else _one(sender, name, people)
        complaints += [complaint] if complaint else []
        for one in found:
            # Those who are named openly come first, and stay so.
            chosen.setdefault(one.user.pk if one.user else one.email, replace(one, private=name not in openly))
    if len(chosen) > limits.RECIPIENTS:
        return [], [_too_many(len(chosen))]
    return list(chosen.values()), complaints + _barred(sender, [one.user for one in chosen.values() if one.user])


def find(given: Iterable[str]) -> dict[str, User]:
    """Return the active users with these user names or e-mail addresses, by what was given in lower case.

    A local account is found only where no account of the whole domain bears the name; an address that several users
    have finds none of them.
    """
    found: dict[str, User] = {}
    rest = iter({one.lower() for one in given})
    while some := list(islice(rest, BATCH)):
        able = User.objects.able()
        for user in _by(able, "login", some).order_by("-local"):
            found[user.login.lower()] = user
        addresses = [one for one in some if "@" in one and one not in found]
        by_address: dict[str, list[User]] = {}
        for user in _by(able.filter(local=False), "email", addresses) if addresses else ():
            by_address.setdefault(user.email.lower(), []).append(user)
        found |= {address: users[0] for address, users in by_address.items() if len(users) == 1}
    return found


def shared_by_several(address: str) -> bool:
    """Whether an e-mail address belongs to more than one active user."""
    return _by(User.objects.able().filter(local=False), "email", [address])[:2].count() > 1


def _by(users: QuerySet[User], column: str, some: Sequence[str]) -> QuerySet[User]:
    return users.annotate(lower=Lower(column)).filter(lower__in=some)


def _names(given: Iterable[str]) -> list[str]:
    return [name for one in given if (name := words.line(one).lower())]


def _one(sender: User, name: str, people: dict[str, User]) -> tuple[list[Named], str]:
    if name in people:
        return [Named(people[name])], ""
    if "@" not in name:
        return [], (
            f"Nobody here is called “{names.shown(name)}”. Choose a name from the list, or ask an administrator "
            "whether the account is active."
        )
    if shared_by_several(name):
        return [], f"Several people have the address {names.shown(name)}. Choose one of them by the user name."
    try:
        validate_email(name)
    except ValidationError:
        return [], f"“{names.shown(name)}” is no e-mail address. Correct it, or choose a name from the list."
    if not permissions.may(sender, permissions.OUTSIDE):
        return [], f"{names.shown(name)} belongs to nobody here. {permissions.OUTSIDE.refusal}"
    if sender.local:
        return [], f"{names.shown(name)} belongs to nobody here, and accounts of this server alone send to people here."
    return [Named(None, name)], ""


def _members(sender: User, group: UUID) -> tuple[list[Named], str]:
    found = workgroups.sendable_by(sender).filter(pk=group).first()
    if found is None:
        return [], "That workgroup is not there any more, or you may not send to it. Choose another one."
    members = workgroups.members(found).exclude(pk=sender.pk)[: limits.RECIPIENTS + 1]
    if not members:
        return [], f"Nobody but you is in the workgroup {found.name}."
    return [Named(person) for person in members], ""


def _barred(sender: User, people: Sequence[User]) -> list[str]:
    """Return whom the sender may not reach."""
    complaints: list[str] = []
    if not permissions.may(sender, permissions.EVERYONE):
        near = workgroups.colleagues(sender, [person.pk for person in people]) | {sender.pk}
        complaints += [
            f"You may not send to {person}: you may send to the people of your workgroups only."
            for person in people
            if person.pk not in near
        ]
    if sender.local and any(not person.local for person in people):
        here = servers.this()
        complaints += [
            f"{person} lives on another server, which does not know your account: it belongs to this server only. "
            "Send from an account of the whole domain."
            for person in people
            if destinations.home_of(person, here) != here.id
        ]
    return complaints


def _too_many(count: int) -> str:
    return f"The package has {count:,} recipients; {limits.RECIPIENTS:,} is the most."
