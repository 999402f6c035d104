"""Making, changing and finding people."""

from __future__ import annotations

from collections.abc import Collection
from heapq import nsmallest
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts import naming, passwords, permissions, signals, workgroups
from posthouse.accounts.lookups import InOrder
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import end_links
from posthouse.accounts.rules import normal
from posthouse.cluster import servers
from posthouse.cluster.models import Server

COLUMNS = ("login", "name", "email")
"""By what people are found, in this order."""
FEW = 5_000
"""Places in workgroups, up to which the people in them are listed rather than looked for."""
RULES_READ = frozenset({"login", "email", "directory", "local", "home", "home_by_hand"})
"""The fields of an account by which it is decided where somebody lives."""
TAKEN = "Another account has this user name. Capital letters make no difference."
LAST_ADMINISTRATOR = (
    "This is the last active administrator: nobody could administer the server any more. "
    "Make somebody else an administrator first."
)


@sensitive_variables("password")
def create(
    *,
    login: str,
    name: str,
    email: str,
    password: str | None = None,
    role: str = User.Role.USER,
    home: Server | None = None,
    local: bool = False,
    is_active: bool = True,
) -> User:
    """Make a person and return him. Without a password he cannot log in yet.

    Without a home server he lives where the home server rules place him; here, if they do not.

    Raises:
        ValidationError: a value is not allowed; its `message_dict` has the sentences by field.

    """
    user = User(login=normal(login), name=name, email=email, role=role, local=local, is_active=is_active)
    user.home, user.home_by_hand = home or servers.this(), home is not None
    user.set_unusable_password()
    return save(user, password)


@sensitive_variables("password")
def save(user: User, password: str | None = None, changed: Collection[str] | None = None, by: str = "") -> User:
    """Check a person whole and write him: all of him, or the fields that `changed` names, and a new password.

    If something was written that rules may read, he has the home server afterwards that they give him, unless one was
    chosen by hand; `by` tells who did that.

    Raises:
        ValidationError: a value is not allowed, or nobody would be left to administer the server.

    """
    user.full_clean(exclude=["password"])
    new = user._state.adding
    before = "" if new else user.password
    fields = None if changed is None else set(changed)
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise ValidationError({"password": error.messages}) from error
        user.set_password(password)
        user.password_at = timezone.now()
        fields = None if fields is None else fields | {"password", "password_at"}
    try:
        with transaction.atomic():
            if not new:
                _keep_an_administrator(user)
            user.save(update_fields=fields)
            if password is not None:
                passwords.keep_old(user, before)
            if not new and (fields is None or fields & {"password", "email"}):
                end_links(user)
            if not user.local and (fields is None or fields & RULES_READ):
                signals.people_changed.send(User, ids={user.pk}, by=by)
                user.refresh_from_db(fields=["home"])
    except IntegrityError as error:  # somebody else took the name since full_clean looked
        raise ValidationError({"login": TAKEN}) from error
    return user


def _keep_an_administrator(user: User) -> None:
    """Refuse to save the last active administrator as anything else."""
    if user.is_administrator and user.is_active and user.removed_at is None:
        return
    # The lock makes two administrators who demote one another wait for each other.
    able = User.objects.able().filter(role=User.Role.ADMINISTRATOR).select_for_update()
    left = set(able.values_list("pk", flat=True))
    if left == {user.pk}:
        raise ValidationError(LAST_ADMINISTRATOR, code="last")


def matching(text: str) -> QuerySet[User]:
    """Return who is present and whose user name, name or e-mail address starts so, by user name; all without text."""
    people = User.objects.present().select_related("home").order_by(Lower("login"), "local")
    text = text.strip()
    if not text:
        return people
    return people.filter(Q(login__prefix=text) | Q(name__prefix=text) | Q(email__prefix=text))


def complete(prefix: str, limit: int, for_user: User) -> list[User]:
    """Return whom somebody may mean as a recipient by what he has typed so far: by user name, by name, by address.

    Local accounts are no recipients: other servers do not know them. Nor is he himself suggested. A hundred thousand
    people cost no more than a hundred: each column is read in the order of its index, and no further than needed.
    """
    prefix = prefix.strip()
    if not prefix or limit <= 0:
        return []
    able = User.objects.able().filter(local=False).exclude(pk=for_user.pk).select_related("home")
    if not permissions.may(for_user, permissions.DIRECTORY):
        # Who may not look people up may still be sure that what he typed whole is somebody.
        whole = naming.find([prefix]).people
        able = able.filter(pk__in=[person.pk for person in whole.values()])
        prefix = ""
    reaches_all = permissions.may(for_user, permissions.EVERYONE)
    if not reaches_all and workgroups.colleagues_of(for_user)[: FEW + 1].count() <= FEW:
        return _among(able, set(workgroups.colleagues_of(for_user)), prefix, limit)
    found: dict[UUID, User] = {}
    for column in COLUMNS:
        begin_so = able.filter(**{f"{column}__prefix": prefix}).order_by(InOrder(column)) if prefix else able
        near = begin_so[:limit] if reaches_all else _near(begin_so, for_user, limit)
        for person in near:
            found.setdefault(person.pk, person)
        if len(found) >= limit:
            break
    return list(found.values())[:limit]


def _near(people: QuerySet[User], user: User, limit: int) -> list[User]:
    """Return the first of these people who share a workgroup with somebody who has many colleagues.

    They are looked for in growing steps: he meets them soon, and no database has to join all people with all places.
    """
    found: list[UUID] = []
    at, step = 0, 8 * limit
    while len(found) < limit:
        some = list(people.values_list("pk", flat=True)[at : at + step])
        near = workgroups.colleagues(user, some)
        found += [pk for pk in some if pk in near]
        if len(some) < step:
            break
        at, step = at + step, 4 * step
    chosen = people.in_bulk(found[:limit])
    return [chosen[pk] for pk in found[:limit] if pk in chosen]


def _among(able: QuerySet[User], some: set[UUID], prefix: str, limit: int) -> list[User]:
    """Return those of a few people who begin so, in the same order: all of them are looked at, and no index."""
    able = able.filter(pk__in=some)
    if prefix:
        able = able.filter(Q(login__prefix=prefix) | Q(name__prefix=prefix) | Q(email__prefix=prefix))
    start = prefix.lower()

    def rank(row: tuple[UUID, str, str, str]) -> tuple[int, str]:
        texts = [text.lower() for text in row[1:]]
        return next(((at, text) for at, text in enumerate(texts) if text.startswith(start)), (len(texts), texts[0]))

    best = nsmallest(limit, able.values_list("pk", *COLUMNS), key=rank)
    people = able.in_bulk([row[0] for row in best])
    return [people[row[0]] for row in best if row[0] in people]
