"""What people change about themselves, name, password and preferences, is carried out where their account is kept (D5).

That is this server for local accounts and on the master. On a slave it is the master, which is asked by a signed call,
and decides: its copy of the account is the right one. What it answers is written here at once; the sync that follows
brings the same. Until the master has answered nothing is changed anywhere, so nothing can be half-made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts import access, passwords, preferences
from posthouse.accounts.models import User
from posthouse.accounts.reset_models import end_links
from posthouse.cluster import calls, servers
from posthouse.cluster.errors import Broken, CallError, Kind
from posthouse.cluster.models import Server

Wish = Mapping[str, str]
"""What should become so: a `name`; or a `password`, with the `present` one; or all of the preferences."""
FIELDS = {"password": ("password", "password_at"), "name": ("name",), "preferences": preferences.NAMES}
"""What can be changed, and the columns that hold it."""

TIMEOUT_SECONDS = 15.0
FROM_DIRECTORY = "Your name and your password are kept in your organisation's directory. Change them there."
NOT_ASKED = "not asked"
"""Code of the error when the master, which decides, could not be asked."""

log = structlog.get_logger("posthouse.accounts")


def where(user: User) -> Server | None:
    """Return the server to which a user must go to change his own account; None when it is this one.

    People do it at home; the master's administrators on the master, too.
    """
    keeper = access.keeper(user)
    if keeper is None or (user.home and user.home.is_self):
        return None
    return user.home or keeper


@sensitive_variables("wish")
def change(user: User, wish: Wish) -> None:
    """Change one's own account, and the object `user` with it.

    Raises ValidationError: what is wished is not allowed (by fields), or the master cannot be asked (a sentence).
    """
    _refuse_what_a_directory_keeps(user, wish)
    master = access.keeper(user)
    if master is None:
        change_here(user, wish)
    else:
        _change_at(master, user, wish)


@sensitive_variables("wish")
def change_here(user: User, wish: Wish) -> None:
    """Change an account that this server keeps, as its owner wishes. Raises ValidationError, by fields."""
    _refuse_what_a_directory_keeps(user, wish)
    match kind(wish):
        case "password":
            _set_password(user, wish["present"], wish["password"])
        case "name":
            _write(user, {"name": wish["name"].strip()})
        case _:
            _write(user, wish)


def _refuse_what_a_directory_keeps(user: User, wish: Wish) -> None:
    field = kind(wish)
    if user.directory is not None and field != "preferences":
        raise ValidationError({field: FROM_DIRECTORY})


def kind(wish: Wish) -> str:
    """Return what a wish is about."""
    return "password" if "password" in wish else "name" if "name" in wish else "preferences"


def _write(user: User, texts: Mapping[str, str]) -> None:
    """Write columns, if all of their values are allowed."""
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, text in texts.items():
        column: Any = User._meta.get_field(name)
        try:
            values[name] = column.clean(text, user)
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    User.objects.filter(pk=user.pk).update(**values)
    for name, value in values.items():
        setattr(user, name, value)


@sensitive_variables("present", "new", "encoded")
def _set_password(user: User, present: str, new: str) -> None:
    if not check_password(present, user.password):
        raise ValidationError({"present": "This is not your present password."})
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    encoded = make_password(new)
    with transaction.atomic():
        same, now = User.objects.filter(pk=user.pk, password=user.password), timezone.now()
        if not same.update(password=encoded, password_at=now):
            raise ValidationError({"present": "Your password was changed elsewhere at this moment. Type that one."})
        passwords.keep_old(user, user.password)
        end_links(user)
    user.password, user.password_at = encoded, now


@sensitive_variables("wish")
def _change_at(master: Server, user: User, wish: Wish) -> None:
    """Have the master change an account, and take over what it answers."""
    about = kind(wish)
    answer = _ask(master, about, {"user": str(user.pk), "wish": dict(wish)})
    if "errors" in answer:
        raise ValidationError(answer["errors"])
    columns: dict[str, Any] = {name: User._meta.get_field(name) for name in FIELDS[about]}
    values = {name: column.to_python(answer[name]) for name, column in columns.items()}
    # Only over the values that were here when the question was asked: a sync may have brought later ones since.
    before = {name: getattr(user, name) for name in FIELDS[about]}
    User.objects.filter(pk=user.pk, **before).update(**values)
    for name, value in values.items():
        setattr(user, name, value)


@sensitive_variables("question")
def _ask(master: Server, field: str, question: dict[str, Any]) -> dict[str, Any]:
    if master.is_self:
        raise ValidationError(
            f"Your {field} {_was(field)} not changed: {master.name} is a slave and does not know its master yet."
            " Tell an administrator.",
            code=NOT_ASKED,
        )
    try:
        return calls.call(master, "POST", "accounts/own", json=question, timeout=TIMEOUT_SECONDS).json()
    except CallError as error:
        log.warning("own change not carried out", field=field, master=master.name, reason=error.message)
        raise ValidationError(_sentence(error, master.name, field), code=NOT_ASKED) from error


def _sentence(error: CallError, master: str, field: str) -> str:
    if isinstance(error, Broken):
        return (
            f"The line to the master, {master}, broke before its answer came, so {servers.this().name} does not know"
            f" whether your {field} {_was(field)} changed. Do the same again in a few minutes."
        )
    if error.kind == Kind.TEMPORARY:
        return (
            f"Your {field} {_was(field)} not changed: the master, {master}, which keeps all accounts, cannot be"
            " reached now. Try again in a few minutes."
        )
    return (
        f"Your {field} {_was(field)} not changed: the master, {master}, which keeps all accounts, does not work"
        f" together with {servers.this().name} now. Tell an administrator."
    )


def _was(field: str) -> str:
    return "were" if field.endswith("s") else "was"
