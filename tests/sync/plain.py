"""What a server holds, read as plainly as can be: on both sides of a test, without the product's digest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate

from posthouse.accounts.backends import PasswordBackend
from posthouse.accounts.models import Membership, User
from posthouse.sync.shared import SHARED
from tests.sync.backup import Backup

_backups: list[Backup] = []


def rows() -> dict[str, list[list[Any]]]:
    """Return all shared rows that were not removed, column by column, and who is in which workgroup."""
    found = {
        shared.name: sorted(
            [_plain(value) for value in row]
            for row in shared.rows().filter(removed_at=None).values_list(*shared.fields)
        )
        for shared in SHARED
    }
    members = Membership.objects.filter(user__local=False, user__removed_at=None)
    found["members"] = sorted(
        [user.hex, group.hex, keeper]
        for user, group, keeper in members.values_list("user_id", "workgroup_id", "is_administrator")
    )
    return found


def who_gets_in(people: list[tuple[str, str, str]]) -> list[str]:
    """Return the user names of those (id, user name, password) who can log in, or whose session would go on."""
    found = []
    for pk, login, password in people:
        user = authenticate(None, username=login, password=password)
        if PasswordBackend().get_user(UUID(pk)) is not None or (user is not None and user.pk == UUID(pk)):
            found.append(login)
    return found


def wipe() -> None:
    """Forget all accounts and all that was received."""
    from posthouse.sync.models import Received, Stray

    User.objects.all().delete()
    Stray.objects.all().delete()
    Received.objects.update(change=0, mark=None, turn=None, step=0, answer={}, sweep=None)
    forget_backups()


def forget_backups() -> None:
    while _backups:
        _backups.pop().drop()


def back_up() -> None:
    forget_backups()
    _backups.append(Backup())


def restore() -> bool:
    if _backups:
        _backups[0].restore()
    return bool(_backups)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)
