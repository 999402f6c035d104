"""Logging in by a directory: whoever can log in there with a password can log in here with it.

The entry is found by its identity, or on a slave, which has not read the directory, by the user name; then somebody
logs in to the directory with that entry's own name and the password that was typed. User names are escaped, and empty
passwords refused before anything is asked: directories take them for a visitor's.

Whoever does not get in must not learn whether a user name exists. So the same is asked of the directory for a name that
nobody has, with a password that nobody has, and that the directory is away is said to everybody alike.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import structlog
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts.models import Entry, User
from posthouse.directory import people
from posthouse.directory.errors import Away, DirectoryError, MustChange, NotActive, WrongPassword
from posthouse.directory.models import Connection
from posthouse.directory.plan import Plan, both
from posthouse.directory.port import Directory, Found

AWAY = (
    "The directory that knows the passwords of this server's users cannot be reached now. Try again in a few minutes."
    " If that does not help, tell an administrator."
)
TOO_OFTEN = "A wrong password was typed too often for this user name. Wait ten minutes."
MUST_CHANGE = "Your password has expired in your organisation's directory. Change it there, then log in here."
WRONG_HERE = (
    "The user name or the password is wrong, or the account is not active. If your account comes from your"
    " organisation's directory, log in at your home server."
)
"""What a slave says that cannot check the passwords of those who live elsewhere."""
PAUSE_SECONDS = 5.0
"""How long a directory that could not be reached is not asked again: threads must not all wait for it."""

_away: dict[UUID, float] = {}
log = structlog.get_logger("posthouse.directory")


class Word(StrEnum):
    """What is said of a user name and a password."""

    YES = "yes"
    WRONG = "wrong"
    AWAY = "away"
    MUST_CHANGE = "must-change"


@dataclass(frozen=True)
class Verdict:
    """Whether somebody may log in, and what is said to him when not; empty: the usual sentence."""

    word: Word
    text: str = ""


WRONG = Verdict(Word.WRONG)
NOBODY_SAYS = Verdict(Word.AWAY, AWAY)


def connection_for(user: User | None) -> Connection | None:
    """Return the connection of this server by which a user logs in; for nobody, any one that people log in by."""
    enabled = Connection.objects.filter(enabled=True)
    if user is None:
        return enabled.order_by("pk").first()
    return enabled.filter(Q(pk=user.directory) | Q(stands_for=user.directory)).first()


@sensitive_variables("password")
def check(connection: Connection, user: User | None, password: str) -> Verdict:
    """Ask a directory whether this is a user's password; for nobody, ask the same and get nowhere."""
    from posthouse.directory import opening  # loads the LDAP library, for which few processes have use

    if not password:
        return WRONG
    if _away.get(connection.pk, 0) > time.monotonic():
        return NOBODY_SAYS
    try:
        line = opening.service_line(connection, seconds=opening.SIGN_IN_SECONDS)
        try:
            found = _find(line, connection, user)
        finally:
            line.close()
    except DirectoryError as problem:  # also when the account of this server is refused: no fault of the user's
        return _nobody_says(connection, problem)
    try:
        if found is None:
            opening.log_in(connection, _nobody(connection), secrets.token_urlsafe())
            return WRONG
        opening.log_in(connection, found.dn, password)
    except MustChange:
        return Verdict(Word.MUST_CHANGE, MUST_CHANGE)
    except (WrongPassword, NotActive):
        return WRONG
    except DirectoryError as problem:
        return _nobody_says(connection, problem)
    return Verdict(Word.YES)


def _nobody_says(connection: Connection, problem: DirectoryError) -> Verdict:
    if isinstance(problem, Away):
        _away[connection.pk] = time.monotonic() + PAUSE_SECONDS
    log.warning("directory cannot be asked", directory=connection.name, reason=str(problem))
    return NOBODY_SAYS


def _find(line: Directory, connection: Connection, user: User | None) -> Found | None:
    """Return the one entry of a user that may log in."""
    plan = connection.plan()
    attributes = [people.UID[plan.kind], plan.attributes.login, "userAccountControl"]
    wanted = _wanted(connection, plan, user)
    entries = [found for base in plan.bases for found in line.search(base, wanted, attributes)]
    if len({found.dn for found in entries}) != 1 or user is None:
        return None
    found = entries[0]
    if not people.is_enabled(found):
        return None
    off = plan.disabled_filter and any(
        other.dn == found.dn
        for base in plan.bases
        for other in line.search(base, both(wanted, plan.disabled_filter), ["cn"])
    )
    return None if off else found


def _wanted(connection: Connection, plan: Plan, user: User | None) -> str:
    uid = None
    if user is not None:
        uid = Entry.objects.filter(user=user, connection=connection.pk).values_list("uid", flat=True).first()
    if uid is not None:
        return both(plan.person_filter, people.uid_filter(plan.kind, uid))
    login = user.login if user is not None else secrets.token_hex(8)
    return both(plan.person_filter, f"({plan.attributes.login}={people.escape(login)})")


def _nobody(connection: Connection) -> str:
    return f"cn={secrets.token_hex(8)},{connection.plan().bases[0]}"
