"""What becomes of one person of a directory: made, changed, left as he is, or not imported, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from posthouse.directory.people import Person

ADOPT, SEPARATE = "adopt", "separate"


@dataclass(frozen=True)
class Known:
    """An account, as it is stored."""

    id: UUID
    login: str
    name: str
    email: str
    is_active: bool
    removed: bool = False
    directory: UUID | None = None
    switched_off: bool = False
    """Whether an import has switched it off."""
    last_administrator: bool = False
    entry: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Make:
    """An account is to be made."""


@dataclass(frozen=True)
class Change:
    """An account is to be changed, if at all: these fields of it, and of what the directory says."""

    id: UUID
    account: Mapping[str, Any]
    entry: Mapping[str, Any]
    off: bool = False
    """Whether it is to be switched off."""
    adopted: bool = False
    problem: str = ""
    """Why something that the directory says was not taken over."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written at once."""
        return not (self.account or self.entry or self.adopted)


@dataclass(frozen=True)
class Refuse:
    """A person is not imported."""

    reason: str
    """login, email or invalid"""
    text: str
    user: UUID | None = None
    can_adopt: bool = False


Outcome = Make | Change | Refuse


def decide(
    person: Person,
    here: UUID,
    known: Known | None,
    same_login: Known | None,
    same_email: Known | None,
    invalid: str = "",
    choice: str = "",
) -> Outcome:
    """Return what becomes of a person whom connection `here` tells of.

    `known` is the account that is already theirs, `same_login` and `same_email` are others that have these; `invalid`
    says what is wrong with the person's values; `choice` is what an administrator has decided.
    """
    if known is not None:
        return _update(person, here, known, same_login, invalid)
    if not person.enabled:
        # Who could not log in anyway needs no account: it is made when the directory switches the person on.
        return Refuse("off", "The directory says that the account is switched off.")
    if invalid:
        return Refuse("invalid", invalid)
    rival = same_login or same_email
    if rival is None or (choice == SEPARATE and same_login is None):
        return Make()
    if choice == ADOPT and _may_adopt(rival):
        return adopt(person, rival)
    return _conflict(rival, here, "login" if same_login is not None else "email")


def adopt(person: Person, rival: Known) -> Change:
    """Return how an account that was made by hand becomes this person's."""
    return Change(rival.id, _differing(person, rival), _entry(person), adopted=True)


def _update(person: Person, here: UUID, known: Known, same_login: Known | None, invalid: str) -> Outcome:
    if known.removed:
        return Change(known.id, {}, {})  # an administrator has removed the account: that stands
    told = _entry(person)
    entry = {name: value for name, value in told.items() if known.entry.get(name) != value}
    # What cannot be taken over stays as it was. What rules read, and whether the person may log in, is never kept back.
    problem = invalid
    if not problem and same_login is not None:
        problem = (
            f"The user name is {person.login} in the directory now, which is taken here: {same_login.name} has it."
        )
    account = {} if problem else _differing(person, known)
    if person.enabled and not known.is_active and known.switched_off:
        account["is_active"] = True
    off = not person.enabled and known.is_active
    # A connection that was removed and made anew finds its people by their identity.
    return Change(known.id, account, entry, off, adopted=known.directory != here, problem=problem)


def _differing(person: Person, known: Known) -> dict[str, Any]:
    values = {"login": person.login, "name": person.name, "email": person.email}
    return {name: value for name, value in values.items() if getattr(known, name) != value}


def _entry(person: Person) -> dict[str, Any]:
    return {"dn": person.dn, "groups": list(person.groups), "fields": person.fields}


def _may_adopt(rival: Known) -> bool:
    return rival.directory is None and not rival.last_administrator


def _conflict(rival: Known, here: UUID, reason: str) -> Refuse:
    what = "user name" if reason == "login" else "e-mail address"
    if rival.directory == here:
        text = f"Another person of this directory, {rival.name}, has the same {what}."
    elif rival.directory is not None:
        text = f"{rival.name}, who comes from another directory, has this {what}."
    elif rival.last_administrator:
        text = (
            f"{rival.name} has this {what}, and is the last administrator who logs in without a directory."
            " Make another one first: somebody must be able to log in when the directory is away."
        )
    else:
        text = f"The account of {rival.name}, made by hand, has this {what}. Say whether it is the same person."
    return Refuse(reason, text, rival.id, _may_adopt(rival))
