"""Recipients as they were named: users by name or address, workgroups as a whole, and people outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from posthouse.accounts import naming, permissions, workgroups
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.contacts import lists
from posthouse.packages import destinations, limits, names, words

TOGETHER = re.compile(r"(workgroup|list):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""How a workgroup is named, and a list of the sender's own."""


@dataclass(frozen=True)
class Named:
    """Somebody who is to get a package: a user, or else an address outside."""

    user: User | None
    email: str = ""
    private: bool = False

    @property
    def key(self) -> UUID | str:
        """What is the same for the same person, however he was named."""
        return self.user.pk if self.user else self.email


def recipients_of(sender: User, named: Sequence[str], private: Sequence[str]) -> tuple[list[Named], list[str]]:
    """Return the recipients, each once and in the order given, and what is wrong with them.

    Each is named by his user name or his e-mail address, in any case, or as one of "workgroup:ID" or
    "list:ID". Whoever is named
    five ways gets the package once; who is named openly and privately is not private. The sender may name himself.
    """
    openly = dict.fromkeys(_names(named))
    order = [*openly, *(name for name in dict.fromkeys(_names(private)) if name not in openly)]
    if not order:
        return [], ["Name at least one recipient."]
    if len(order) > limits.RECIPIENTS:
        return [], [_too_many(len(order))]
    chosen: dict[UUID | str, Named] = {}
    complaints: list[str] = []
    for name, found, complaint in look_up(sender, order):
        complaints += [complaint] if complaint else []
        for one in found:
            # Those who are named openly come first, and stay so.
            chosen.setdefault(one.key, replace(one, private=name not in openly))
    if len(chosen) > limits.RECIPIENTS:
        return [], [_too_many(len(chosen))]
    return list(chosen.values()), complaints + barred(sender, [one.user for one in chosen.values() if one.user])


def look_up(sender: User, order: Sequence[str]) -> Iterator[tuple[str, list[Named], str]]:
    """Yield each name, as `normal` gives it, with whom it means to this sender, or with why it means nobody.

    Of a list, each address has its own turn.
    """
    together = {name: (match[1], UUID(match[2])) for name in order if (match := TOGETHER.fullmatch(name))}
    personal = {name: lists.expand(sender, pk) for name, (kind, pk) in together.items() if kind == "list"}
    addresses = [address for found in personal.values() if found for address in found[2]]
    known = naming.find([*(name for name in order if name not in together), *addresses])
    refusal = _refusal_outside(sender)
    for name in order:
        if name in personal:
            yield from _listed(name, personal[name], known, refusal)
        elif name in together:
            yield name, *_members(sender, together[name][1])
        else:
            yield name, *_one(name, known, refusal)


def barred(sender: User, people: Sequence[User]) -> list[str]:
    """Return, in sentences, whom of these users the sender may not reach."""
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


def normal(name: str) -> str:
    """Return a name in the one form in which it is looked for."""
    return words.line(name).lower()


def _names(given: Iterable[str]) -> list[str]:
    return [name for one in given if (name := normal(one))]


def _refusal_outside(sender: User) -> str:
    """Return why this sender sends to nobody outside; "" if he may."""
    if not permissions.may(sender, permissions.OUTSIDE):
        return permissions.OUTSIDE.refusal
    if sender.local:
        return "Accounts that belong to this server alone send to people here only."
    return ""


def _one(name: str, known: naming.Known, refusal: str) -> tuple[list[Named], str]:
    if name in known.people:
        return [Named(known.people[name])], ""
    if "@" not in name:
        return [], (
            f"Nobody here is called “{names.shown(name)}”. Choose a name from the list, or ask an administrator "
            "whether the account is active."
        )
    if name in known.several:
        return [], f"Several people have the address {names.shown(name)}. Choose one of them by the user name."
    if not naming.is_address(name):
        return [], f"“{names.shown(name)}” is no e-mail address. Correct it, or choose a name from the list."
    if refusal:
        return [], f"{names.shown(name)} belongs to nobody here. {refusal}"
    return [Named(None, name)], ""


def _listed(
    name: str, found: tuple[str, list[User], list[str]] | None, known: naming.Known, refusal: str
) -> Iterator[tuple[str, list[Named], str]]:
    if found is None:
        yield name, [], "That list is not there any more. Choose another one."
        return
    title, users, addresses = found
    yield name, [Named(user) for user in users], "" if users or addresses else f"Nobody is on the list {title}."
    for address in addresses:
        yield name, *_one(address, known, refusal)


def _members(sender: User, group: UUID) -> tuple[list[Named], str]:
    found = workgroups.sendable_by(sender).filter(pk=group).first()
    if found is None:
        return [], "That workgroup is not there any more, or you may not send to it. Choose another one."
    members = workgroups.members(found).exclude(pk=sender.pk)[: limits.RECIPIENTS + 1]
    if not members:
        return [], f"Nobody but you is in the workgroup {found.name}."
    return [Named(person) for person in members], ""


def _too_many(count: int) -> str:
    return f"The package has {count:,} recipients; {limits.RECIPIENTS:,} is the most."
