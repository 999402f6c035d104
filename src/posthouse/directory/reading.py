"""Reading people from a directory: everybody, or those of whom something has changed.

What counts as a change: the person's own entry; a change in the list of members of a group (the person's entry stays
as it was then); groups made, renamed, removed or put into one another; and organizational units moved or renamed,
which changes the distinguished name of everybody in them without touching one of them. The last two are rare, and
seen by digests: then everybody is read.

Up to where changes are known is a number of Active Directory's (uSNChanged), which each of its servers counts by
itself, so it is good only at the server that gave it; other directories tell the time of a change (modifyTimestamp).
Nobody is told by either that somebody was deleted: that is seen when everybody is read.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from posthouse.directory import dn, people
from posthouse.directory.errors import BadSetting, DirectoryError, Incomplete, NotFound
from posthouse.directory.groups import Groups, marks
from posthouse.directory.people import ACTIVE_DIRECTORY, Person
from posthouse.directory.plan import Plan, both
from posthouse.directory.port import Directory, Found

Position = dict[str, Any]

PLACES = "(|(objectClass=organizationalUnit)(objectClass=organization)(objectClass=domain)(objectClass=container))"
CLOCKS = timedelta(minutes=5)
"""How far the clock of a directory may be behind ours without a change being missed."""
AT_ONCE = 50
"""How many people are asked for by one filter."""
MOST_GROUPS = 100
"""With more groups changed than this, everybody is read: that is quicker then."""


class Everybody(Exception):
    """Reading what has changed is not enough; the message says why, as a sentence."""


class Reading:
    """One reading of a directory, by a line on which this server has logged in."""

    def __init__(self, directory: Directory, plan: Plan, now: datetime) -> None:
        self.directory = directory
        self.plan = plan
        self.groups = self._groups()
        self.chosen = self._chosen()
        self.position = self._position(now)
        self._disabled = self._switched_off()

    def everybody(self) -> Iterator[Person]:
        """Yield everybody, each once."""
        seen: set[str] = set()
        for found in self._people(self.plan.person_filter):
            yield from self._once(found, seen)

    def changed(
        self, before: Position, again: Iterable[str], had: Callable[[set[str]], Iterable[str]]
    ) -> Iterator[Person]:
        """Yield of whom something has changed since a position, each once, and those of `again`.

        `again` names people by their identity; `had` gives who was, by what is stored, in one of some groups, which it
        gets by their plain names. Raises Everybody at once when that is not enough.
        """
        changed_groups = self._why_not(before)
        return self._changed(before, changed_groups, again, had)

    def _why_not(self, before: Position) -> list[str]:
        """Return the names of groups whose members have changed. Raises Everybody."""
        now = self.position
        if not before or not now:
            raise Everybody("No earlier import is known that it could go on from.")
        if before.get("server") != now["server"]:
            raise Everybody("Another server of the directory answers, which counts changes in its own way.")
        if before.get("usn", 0) > now.get("usn", 0):
            raise Everybody("The directory was restored from a backup.")
        if before.get("plan") != now["plan"]:
            raise Everybody("The settings of the connection were changed.")
        if before.get("places") != now["places"]:
            raise Everybody("Organizational units were made, moved, renamed or removed.")
        if before.get("groups") != now["groups"]:
            raise Everybody("Groups were changed.")
        if self.plan.kind != ACTIVE_DIRECTORY:
            return []  # there, the digest holds the members too
        changed = [
            found.dn
            for base in self.plan.bases
            for found in self.directory.search(base, both(self.plan.group_filter, _since(before)), ["cn"])
        ]
        if len(changed) > MOST_GROUPS:
            raise Everybody(f"The members of {len(changed)} groups have changed.")
        return changed

    def _changed(
        self,
        before: Position,
        changed_groups: list[str],
        again: Iterable[str],
        had: Callable[[set[str]], Iterable[str]],
    ) -> Iterator[Person]:
        seen: set[str] = set()
        for found in self._people(both(self.plan.person_filter, _since(before))):
            yield from self._once(found, seen, lost=True)
        for group in changed_groups:
            for found in self._people(both(self.plan.person_filter, f"(memberOf={people.escape(group)})")):
                yield from self._once(found, seen, lost=True)
        names = {self.groups.name[dn.canonical(group)] for group in changed_groups}
        rest = sorted({*again, *(had(names) if names else ())} - seen)
        for start in range(0, len(rest), AT_ONCE):
            some = "".join(people.uid_filter(self.plan.kind, uid) for uid in rest[start : start + AT_ONCE])
            for found in self._people(both(self.plan.person_filter, f"(|{some})")):
                yield from self._once(found, seen, lost=True)

    def _people(self, wanted: str) -> Iterator[Found]:
        attributes = people.wanted(self.plan.kind, self.plan.attributes)
        for base in self.plan.people_bases:
            yield from self.directory.search(base, wanted, attributes)

    def _once(self, found: Found, seen: set[str], *, lost: bool = False) -> Iterator[Person]:
        """Yield a person unless that was done, or nobody wants him; with `lost`, then as one who may not log in."""
        uid = people.uid_of(self.plan.kind, found)
        if not uid:
            raise BadSetting(
                f"The directory does not tell this server the {people.UID[self.plan.kind]} of {found.dn}.",
                "Choose the right kind of directory, and let the account of this server read that attribute.",
            )
        if uid in seen:
            return
        seen.add(uid)
        person, wanted = self._person(found, uid)
        if wanted:
            yield person
        elif lost:
            yield replace(person, enabled=False)

    def _person(self, found: Found, uid: str) -> tuple[Person, bool]:
        groups = self.groups.of(
            found.dn,
            found.texts("memberOf"),
            people.login_of(self.plan.attributes, found),
            people.primary_group(found),
        )
        enabled = people.is_enabled(found) and uid not in self._disabled
        person = people.read(self.plan.kind, self.plan.attributes, found, self.groups.names_of(groups), enabled)
        return person, self.plan.takes(found.dn, groups, self.chosen)

    def _groups(self) -> Groups:
        groups = Groups()
        is_ad = self.plan.kind == ACTIVE_DIRECTORY
        # Active Directory tells of each entry the groups it is in: lists of members, which may be long, are not read.
        attributes = ["cn", "memberOf", *(["objectSid"] if is_ad else ["member", "uniqueMember", "memberUid"])]
        members: list[tuple[str, array[int]]] = []
        for base in self.plan.bases:
            for found in self.directory.search(base, self.plan.group_filter, attributes):
                number = people.number_of_group(found) if is_ad else None
                key = groups.add(found.dn, found.text("cn") or found.dn, found.texts("memberOf"), number)
                members.append((key, marks(found.texts("member") + found.texts("uniqueMember"))))
                for login in found.texts("memberUid"):
                    groups.by_login.setdefault(login, []).append(key)
        for key, listed in members:
            groups.add_members(key, listed)
        return groups

    def _chosen(self) -> frozenset[str]:
        chosen: set[str] = set()
        for wanted in self.plan.within:
            found = self.groups.find(wanted)
            if not found:
                raise NotFound(
                    f"The directory has no group {wanted}, whose members should be imported.",
                    "Correct the name of the group, or the filter for groups.",
                )
            chosen |= found
        return frozenset(chosen)

    def _switched_off(self) -> set[str]:
        """Return the identities of the people whom the filter for switched-off ones matches."""
        if not self.plan.disabled_filter:
            return set()
        wanted = both(self.plan.person_filter, self.plan.disabled_filter)
        uid = [people.UID[self.plan.kind]]
        return {
            people.uid_of(self.plan.kind, found)
            for base in self.plan.people_bases
            for found in self.directory.search(base, wanted, uid)
        }

    def _position(self, now: datetime) -> Position:
        """Return up to where changes will be known. Asked before people are read: better too early than too late."""
        digests = {"groups": self.groups.digest(), "places": self._places(), "plan": _digest([repr(self.plan)])}
        if self.plan.kind != ACTIVE_DIRECTORY:
            return {"server": self.directory.host, "since": f"{now - CLOCKS:%Y%m%d%H%M%S}Z"} | digests
        root = self.directory.get("", ["dsServiceName", "highestCommittedUSN"])
        service, number = root.text("dsServiceName"), root.text("highestCommittedUSN")
        if not service or not number.isdigit():
            return {}
        return {"server": self._database_of(service), "usn": int(number)} | digests

    def _database_of(self, service: str) -> str:
        """Return the identity of the database that counts changes: it gets a new one when it is restored."""
        try:
            values = self.directory.get(service, ["invocationId"]).values.get("invocationid", ())
        except Incomplete:
            raise
        except (NotFound, DirectoryError):
            values = ()  # the account may not read it: the server's own name must do
        return bytes(values[0]).hex() if values else service

    def _places(self) -> str:
        """Return what is the same only while no organizational unit is made, moved, renamed or removed."""
        return _digest(
            sorted(found.dn for base in self.plan.bases for found in self.directory.search(base, PLACES, ["ou"]))
        )


def _since(before: Position) -> str:
    if "usn" in before:
        return f"(uSNChanged>={int(before['usn']) + 1})"
    return f"(modifyTimestamp>={before['since']})"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
