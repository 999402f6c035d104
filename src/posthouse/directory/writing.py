"""Writing what a directory says into the accounts, many people at a time.

Nothing is written for people of whom nothing has changed: the sync then sees no change, and rules are not asked again.
Nobody is switched off here, only noted: that is done once for all at the end, behind the guard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import structlog
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Field, Q, QuerySet, Value
from django.db.models.functions import Lower

from posthouse.accounts import signals
from posthouse.accounts.models import Entry, User
from posthouse.accounts.people import RULES_READ
from posthouse.accounts.rules import check_login, check_name
from posthouse.cluster import servers
from posthouse.directory import compare
from posthouse.directory.compare import Change, Known, Make, Outcome, Refuse
from posthouse.directory.models import Conflict, Connection, SwitchedOff
from posthouse.directory.people import Person

MOST_CONFLICTS = 1000
"""More people who could not be imported are counted, but not listed."""
SAMPLE = 200
ACCOUNT = ("login", "name", "email", "is_active", "directory", "password")

log = structlog.get_logger("posthouse.directory")


@dataclass
class Counts:
    """What an import has done so far."""

    seen: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass
class _Found:
    """What is stored about some people who were read."""

    known: dict[str, User] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    by_login: dict[str, User] = field(default_factory=dict)
    by_email: dict[str, User] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    off: set[UUID] = field(default_factory=set)


class Writer:
    """One import's writing. With `dry` it writes no account, and remembers some of what it would have done."""

    def __init__(self, connection: Connection, now: datetime, *, dry: bool = False) -> None:
        self.connection, self.now, self.dry = connection, now, dry
        self.counts = Counts()
        self.seen: set[int] = set()
        """Whose accounts were met, by number."""
        self.off: set[UUID] = set()
        """Whose accounts are to be switched off."""
        self.sample: dict[str, list[dict[str, Any]]] = {"added": [], "changed": [], "off": []}
        self._this = servers.this()
        self._directories = set(Connection.objects.values_list("pk", flat=True))
        self._last = self._last_administrator()
        self._noted = 0
        self._postponed: list[Person] = []
        self._any = Conflict.objects.filter(connection=connection).exists()

    def write(self, people: Sequence[Person]) -> None:
        """Write some people, all of them or none; whoever cannot be written is left out and noted."""
        postponed = list(self._postponed)
        try:
            with transaction.atomic():
                self._write(people)
        except IntegrityError:  # somebody has taken a user name since we looked
            self._postponed = postponed
            for person in people:
                self._write_alone(person)

    def finish(self) -> None:
        """Write those who wanted the user name of somebody else of the directory, who may have got another one since.

        What they still take from one another is exchanged.
        """
        people, self._postponed = self._postponed, []
        if not people:
            return
        try:
            with transaction.atomic():
                self._write(people, exchange=True)
        except IntegrityError:
            for person in people:
                self._write_alone(person)

    def _write_alone(self, person: Person) -> None:
        try:
            with transaction.atomic():
                self._write([person], exchange=True)
        except IntegrityError:
            log.warning("person not imported", dn=person.dn)
            text = "The user name was taken by somebody else at this moment. The next import tries it again."
            self._note([(person, Refuse("login", text))])
            self.counts.seen += 1
            self.counts.refused += 1

    def _write(self, people: Sequence[Person], *, exchange: bool = False) -> None:
        found = self._look(people)
        freed: set[UUID] = set()
        if exchange:
            freed = self._free_logins(people, found)
        else:
            people = self._postpone(people, found)
        counts = Counts(seen=len(people))
        made: list[Person] = []
        changes: list[tuple[Person, Change]] = []
        problems: list[tuple[Person, Refuse]] = []
        off: set[UUID] = set()
        names: set[str] = set()
        for person in people:
            outcome = self._decide(person, found, names)
            if isinstance(outcome, Make):
                made.append(person)
            elif isinstance(outcome, Change):
                if outcome.problem and outcome.id in freed:
                    raise IntegrityError("a user name was freed for nothing")  # so nothing of it is done
                if outcome.problem:
                    problems.append((person, Refuse("login", outcome.problem, outcome.id)))
                if outcome.off:
                    off.add(outcome.id)
                if not outcome.is_empty:
                    changes.append((person, outcome))
                counts.unchanged += outcome.is_empty and not outcome.off
            elif outcome.reason != "off":
                problems.append((person, outcome))
                counts.refused += 1
            else:
                counts.unchanged += 1
        counts.added, counts.changed = len(made), len(changes)
        if self.dry:
            self._remember(made, changes)
        else:
            self._apply(made, changes, found)
        self._note(problems)
        self._forget({person.uid for person in people} - {person.uid for person, _ in problems}, found)
        # Only now that nothing can be refused any more: a second try must not count twice.
        self.off |= off
        self.seen.update(user.pk.int for user in found.known.values())
        self.seen.update(change.id.int for _, change in changes)
        for name, count in vars(counts).items():
            setattr(self.counts, name, getattr(self.counts, name) + count)

    def _postpone(self, people: Sequence[Person], found: _Found) -> list[Person]:
        """Return those who do not want the user name of another one of this directory; keep the others for later."""
        now = []
        for person in people:
            rival = found.by_login.get(person.login.lower())
            owner = found.known.get(person.uid)
            if rival is not None and rival != owner and rival.directory == self.connection.pk:
                self._postponed.append(person)
                if owner is not None:
                    self.seen.add(owner.pk.int)
            else:
                now.append(person)
        return now

    def _free_logins(self, people: Sequence[Person], found: _Found) -> set[UUID]:
        """Take the user names away from those of these people who get another one, and return who they are."""
        freed = set()
        given = {person.uid: person.login for person in people if not _invalid(person)}
        for uid, user in found.known.items():
            held = found.by_login.get(user.login.lower())
            if held == user and given.get(uid, user.login).lower() != user.login.lower():
                del found.by_login[user.login.lower()]
                freed.add(user.pk)
                if not self.dry:
                    User.objects.filter(pk=user.pk).update(login=str(user.pk))
        return freed

    def _decide(self, person: Person, found: _Found, names: set[str]) -> Outcome:
        user, entry = found.known.get(person.uid), found.entries.get(person.uid)
        known = None if user is None else self._known(user, entry, found)
        same_login = found.by_login.get(person.login.lower())
        same_email = found.by_email.get(person.email.lower()) if person.email else None
        outcome = compare.decide(
            person,
            self.connection.pk,
            known,
            self._known(same_login, None, found) if same_login and same_login != user else None,
            self._known(same_email, None, found) if same_email and user is None else None,
            _invalid(person),
            found.choices.get(person.uid, ""),
        )
        takes_name = isinstance(outcome, Make) or (isinstance(outcome, Change) and "login" in outcome.account)
        if takes_name and person.login.lower() in names:
            return Refuse("login", "Another person of this directory has the same user name.")
        if takes_name:
            names.add(person.login.lower())
        return outcome

    def _known(self, user: User, entry: Entry | None, found: _Found) -> Known:
        return Known(
            id=user.pk,
            login=user.login,
            name=user.name,
            email=user.email,
            is_active=user.is_active,
            removed=user.removed_at is not None,
            directory=user.directory if user.directory in self._directories else None,
            switched_off=user.pk in found.off,
            last_administrator=user.pk == self._last,
            entry={} if entry is None else {"dn": entry.dn, "groups": entry.groups, "fields": entry.fields},
        )

    def _look(self, people: Sequence[Person]) -> _Found:
        """Read all that is stored about these people, by a few queries however many they are."""
        found = _Found()
        uids = [person.uid for person in people]
        mine = Q(connection=self.connection.pk) | ~Q(connection__in=self._directories)
        for entry in Entry.objects.filter(mine, uid__in=uids).order_by("read_at").select_related("user"):
            found.entries[entry.uid], found.known[entry.uid] = entry, entry.user
        logins = {uid: user.login for uid, user in found.known.items()}
        asking = [person for person in people if logins.get(person.uid) != person.login]
        if asking:
            shared = User.objects.present().filter(local=False)
            found.by_login = {user.login.lower(): user for user in _having(shared, "login", asking)}
        if any(person.uid not in found.known for person in people):
            new = [person for person in asking if person.uid not in found.known and person.email]
            found.by_email = {user.email.lower(): user for user in _having(shared, "email", new)}
        if self._any:
            rows = Conflict.objects.filter(connection=self.connection, uid__in=uids)
            found.choices = dict(rows.values_list("uid", "choice"))
        ids = [user.pk for user in found.known.values()]
        found.off = set(SwitchedOff.objects.filter(user__in=ids).values_list("user_id", flat=True))
        return found

    def _apply(self, made: list[Person], changes: list[tuple[Person, Change]], found: _Found) -> None:
        ids = self._make(made)
        users = {user.pk: user for user in (*found.known.values(), *found.by_login.values(), *found.by_email.values())}
        by_fields: dict[tuple[str, ...], list[User]] = defaultdict(list)
        entries: list[Entry] = []
        back: list[UUID] = []
        for person, change in changes:
            user, account = users[change.id], dict(change.account)
            if change.adopted:
                account |= {"directory": self.connection.pk, "password": make_password(None)}
            for name, value in account.items():
                setattr(user, name, value)
            if account:
                by_fields[tuple(name for name in ACCOUNT if name in account)].append(user)
            if account.get("is_active"):
                back.append(user.pk)
            if change.entry or change.adopted:
                entries.append(self._entry(user, person))
            if change.adopted or change.entry or change.account.keys() & RULES_READ:
                ids.add(user.pk)
        for names, some in by_fields.items():
            User.objects.bulk_update(some, names)
        Entry.objects.bulk_create(
            entries,
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["connection", "uid", "dn", "groups", "fields", "read_at"],
        )
        # A row is for nothing, too, when an administrator has switched the account on by hand.
        on = [user.pk for user in found.known.values() if user.is_active and user.pk in found.off]
        if back or on:
            SwitchedOff.objects.filter(user__in=[*back, *on]).delete()
        if ids:
            signals.people_changed.send(User, ids=ids)

    def _make(self, made: list[Person]) -> set[UUID]:
        users = [
            User(
                login=person.login,
                name=person.name,
                email=person.email,
                home=self._this,
                directory=self.connection.pk,
                password=make_password(None),
            )
            for person in made
        ]
        User.objects.bulk_create(users)
        Entry.objects.bulk_create(self._entry(user, person) for user, person in zip(users, made, strict=True))
        self.seen.update(user.pk.int for user in users)
        return {user.pk for user in users}

    def _entry(self, user: User, person: Person) -> Entry:
        return Entry(
            user=user,
            connection=self.connection.pk,
            uid=person.uid,
            dn=person.dn,
            groups=list(person.groups),
            fields=person.fields,
            read_at=self.now,
        )

    def _note(self, problems: Iterable[tuple[Person, Refuse]]) -> None:
        """Write down who could not be imported, and why."""
        listed = list(problems)
        room = max(MOST_CONFLICTS - self._noted, 0)
        rows = [
            Conflict(
                connection=self.connection,
                uid=person.uid,
                dn=person.dn,
                login=person.login[:200],
                name=person.name[:200],
                email=person.email[:300],
                reason=refuse.reason,
                text=refuse.text,
                user_id=refuse.user,
                can_adopt=refuse.can_adopt,
                seen_at=self.now,
            )
            for person, refuse in listed[:room]
        ]
        Conflict.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["connection", "uid"],
            update_fields=["dn", "login", "name", "email", "reason", "text", "user", "can_adopt", "seen_at"],
        )
        self._noted += len(rows)
        self._any = self._any or bool(rows)

    def _forget(self, uids: set[str], found: _Found) -> None:
        solved = uids & found.choices.keys()
        if solved and not self.dry:
            Conflict.objects.filter(connection=self.connection, uid__in=solved).delete()

    def _remember(self, made: list[Person], changes: list[tuple[Person, Change]]) -> None:
        for kind, some in (("added", made), ("changed", [person for person, _ in changes])):
            room = SAMPLE - len(self.sample[kind])
            self.sample[kind] += [
                {"login": person.login, "name": person.name, "email": person.email, "dn": person.dn}
                for person in some[:room]
            ]

    def _last_administrator(self) -> UUID | None:
        """Return the only administrator who logs in without a directory, when there is but one."""
        able = User.objects.able().filter(role=User.Role.ADMINISTRATOR, directory=None, local=False)
        found = list(able.values_list("pk", flat=True)[:2])
        return found[0] if len(found) == 1 else None


def _having(users: QuerySet[User], column: str, people: Sequence[Person]) -> list[User]:
    """Return who has one of the values of these people, whatever its case."""
    wanted = [Lower(Value(getattr(person, column))) for person in people]
    return list(users.annotate(lowered=Lower(column)).filter(lowered__in=wanted)) if wanted else []


def _invalid(person: Person) -> str:
    """Return what is wrong with what a directory says of somebody, as a sentence; nothing when it can be taken over."""
    if not person.login:
        return "The directory gives no user name."
    if not person.email:
        return "The directory gives no e-mail address, and nobody could be told of a package."
    try:
        check_login(person.login)
        for name in ("login", "name", "email"):
            cast("Field[Any, Any]", User._meta.get_field(name)).run_validators(getattr(person, name))
        check_name(person.name)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""
