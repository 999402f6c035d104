"""Which groups a person is in, through other groups too. Pure.

Groups are few beside people, so all of them are held: each with its name and the groups that it is itself in. What a
group leads to is worked out once, however many people are in it. Groups that contain one another in a ring are in each
other, as directories see it.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from posthouse.directory import dn as names


def _mark(canonical_dn: str) -> int:
    """Return a number that stands for a name: a million names themselves would take much room."""
    return int.from_bytes(hashlib.blake2b(canonical_dn.encode(), digest_size=8).digest())


def marks(members: Iterable[str]) -> array[int]:
    """Return a list of members in the little room in which lists wait until all groups are known."""
    return array("Q", map(_mark, map(names.canonical, members)))


@dataclass
class Groups:
    """The groups of a directory, by canonical distinguished name."""

    name: dict[str, str] = field(default_factory=dict)
    parents: dict[str, set[str]] = field(default_factory=dict)
    primary: dict[int, str] = field(default_factory=dict)
    """The group that is some people's primary one, by its number: they are in no list of members."""
    direct: dict[int, list[str]] = field(default_factory=dict)
    """Who is in which groups, by the hash of the person's canonical name, where people themselves do not tell."""
    by_login: dict[str, list[str]] = field(default_factory=dict)
    """The same by user name, for groups that list those."""
    _closures: dict[str, frozenset[str]] = field(default_factory=dict)
    _marks: dict[int, str] = field(default_factory=dict)

    def add(self, dn: str, name: str, parents: Iterable[str] = (), number: int | None = None) -> str:
        """Add a group that is in other ones, and return its canonical name."""
        key = names.canonical(dn)
        self.name[key] = name
        self._marks[_mark(key)] = key
        self.parents.setdefault(key, set()).update(names.canonical(parent) for parent in parents)
        if number is not None:
            self.primary[number] = key
        return key

    def add_members(self, key: str, members: Iterable[int]) -> None:
        """Note the members of a group by their marks, people and other groups; call it when all groups are added."""
        for mark in members:
            if mark in self._marks:
                self.parents[self._marks[mark]].add(key)
            else:
                self.direct.setdefault(mark, []).append(key)

    def of(self, dn: str, member_of: Iterable[str], login: str = "", primary: int | None = None) -> frozenset[str]:
        """Return the canonical names of all groups of a person, who is by his own word in those of `member_of`."""
        direct = {names.canonical(each) for each in member_of}
        if self.direct:
            direct.update(self.direct.get(_mark(names.canonical(dn)), ()))
        if self.by_login and login:
            direct.update(self.by_login.get(login, ()))
        if primary is not None and primary in self.primary:
            direct.add(self.primary[primary])
        found: set[str] = set()
        for each in direct:
            found |= self._closure(each)
        return frozenset(found)

    def names_of(self, keys: Iterable[str]) -> list[str]:
        """Return the plain names of groups, each once, in order."""
        return sorted({self.name[key] for key in keys if key in self.name})

    def find(self, wanted: str) -> set[str]:
        """Return the groups that somebody means by a distinguished name or a plain one."""
        key = names.canonical(wanted)
        if key in self.name:
            return {key}
        return {key for key, name in self.name.items() if name.casefold() == wanted.strip().casefold()}

    def digest(self) -> str:
        """Return what is the same only while no group is made, renamed, moved, removed or put into another one."""
        hasher = hashlib.sha256()
        for key in sorted(self.name):
            hasher.update("\0".join([key, self.name[key], *sorted(self.parents[key])]).encode() + b"\n")
        for mark in sorted(self.direct):
            hasher.update("\0".join([str(mark), *sorted(self.direct[mark])]).encode() + b"\n")
        for login in sorted(self.by_login):
            hasher.update("\0".join(["login", login, *sorted(self.by_login[login])]).encode() + b"\n")
        return hasher.hexdigest()

    def _closure(self, key: str) -> frozenset[str]:
        known = self._closures.get(key)
        if known is not None:
            return known
        found, waiting = set(), [key]
        while waiting:
            each = waiting.pop()
            if each in self.name and each not in found:
                found.add(each)
                waiting += self.parents[each]
        self._closures[key] = frozenset(found)
        return self._closures[key]
