"""What would become of a slave's accounts, found out before anything is done: who vanishes, changes and appears.

The slave lists its accounts in the order of their ids, some thousand at a time; the master lays its own beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from posthouse.sync import lines
from posthouse.sync.feed import USERS

PIECE = 5_000
SHOWN = [USERS.fields.index(name) for name in ("login", "name", "email")]
PRESENT = "removed_at IS NULL"

Listed = list[list[str]]
"""Accounts on their way: id, user name, name, e-mail address and digest, in the order of their ids."""


@dataclass(frozen=True)
class Account:
    """An account as people know it, and a digest of everything that is shared of it."""

    id: UUID
    login: str
    name: str
    email: str
    digest: str


@dataclass
class Difference:
    """What a sync would do to the accounts of a slave."""

    present: int = 0
    vanishing: list[Account] = field(default_factory=list)
    changing: list[Account] = field(default_factory=list)
    appearing: list[Account] = field(default_factory=list)


def count() -> int:
    """Return how many accounts there are here."""
    return USERS.rows().filter(removed_at=None).count()


def behind(after: str) -> Listed:
    """Return the next accounts here behind an id; none: the end."""
    where, values = lines.between(after, "")
    return [_shown(line) for line in lines.read(USERS, f"{PRESENT} AND {where}", values, limit=PIECE)]


def in_buckets(names: Sequence[str]) -> Listed:
    """Return the accounts here in some buckets."""
    where, values = lines.in_buckets(names)
    return [_shown(line) for line in lines.read(USERS, f"{PRESENT} AND {where}", values)]


def compare(ask: Callable[[str], Listed]) -> Difference:
    """Return what would become of all accounts of a slave, whose accounts behind an id `ask` returns."""
    return _compare(_pieces(ask), _pieces(behind), Difference())


def compare_buckets(pieces: Sequence[Sequence[str]], ask: Callable[[Sequence[str]], Listed]) -> Difference:
    """Return what would become of a slave's accounts in buckets, which are gone through in pieces."""
    found = Difference()
    for names in pieces:
        _compare(_accounts(ask(names)), _accounts(in_buckets(names)), found)
    return found


def _compare(there: Iterator[Account], here: Iterator[Account], found: Difference) -> Difference:
    theirs, ours = next(there, None), next(here, None)
    while theirs is not None or ours is not None:
        if theirs is not None and (ours is None or theirs.id < ours.id):
            found.present += 1
            found.vanishing.append(theirs)
            theirs = next(there, None)
        elif ours is not None and (theirs is None or ours.id < theirs.id):
            found.appearing.append(ours)
            ours = next(here, None)
        elif theirs is not None and ours is not None:
            found.present += 1
            if theirs.digest != ours.digest:
                found.changing.append(theirs)
            theirs, ours = next(there, None), next(here, None)
    return found


def _pieces(ask: Callable[[str], Listed]) -> Iterator[Account]:
    after = ""
    while listed := ask(after):
        for account in _accounts(listed):
            if account.id.hex <= after:
                raise ValueError("the accounts are not in order")
            after = account.id.hex
            yield account


def _accounts(listed: Listed) -> Iterator[Account]:
    for row in listed:
        match row:
            case [str(pk), str(login), str(name), str(email), str(digest)]:
                yield Account(UUID(hex=pk), login, name, email, digest)
            case _:
                raise ValueError("an account has the wrong form")


def _shown(line: str) -> list[str]:
    columns = lines.split(line)
    digest = hashlib.sha256(line.encode()).hexdigest()[:32]
    return [line[: lines.ID], *(columns[place] or "" for place in SHOWN), digest]
