"""What people may do. Each permission is given by a person's role, or given or taken for him alone.

    permissions.may(user, "outside")

Administrators may do everything. Pages ask here, and so does the data plane.
"""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.accounts.models import User
from posthouse.accounts.standards import QUOTA_DAYS, Standard


@dataclass(frozen=True)
class Permission:
    """Something that a person may do."""

    name: str
    label: str
    refusal: str
    """What somebody is told who may not."""
    default: bool = True


UPLOAD = Permission("upload", "Send packages", "You may not send packages. Ask an administrator if you need to.")
DOWNLOAD = Permission("download", "Download packages", "You may not download packages. Ask an administrator.")
FORWARD = Permission(
    "forward", "Forward packages", "You may not forward packages. Ask an administrator if you need to."
)
OUTSIDE = Permission(
    "outside",
    "Send to outside e-mail addresses",
    "You may not send to people outside. Choose people who have an account here, or ask an administrator.",
)
INVITE = Permission(
    "invite", "Invite people outside to send", "You may not invite people outside. Ask an administrator."
)
EVERYONE = Permission(
    "everyone",
    "Send to everyone",
    "You may send to the people of your workgroups only. Ask an administrator if you need to reach others.",
)
DIRECTORY = Permission(
    "directory",
    "See the directory",
    "You may not look people up. Type the whole user name or e-mail address.",
)
ALL = (UPLOAD, DOWNLOAD, FORWARD, OUTSIDE, INVITE, EVERYONE, DIRECTORY)
BY_NAME = {permission.name: permission for permission in ALL}


@dataclass(frozen=True)
class Limits:
    """How much a person may send, in bytes; None: no limit."""

    quota: int | None
    quota_days: int
    package: int | None


def may(user: User, permission: Permission, role: Standard | None = None) -> bool:
    """Return whether a person may do it; the database is not asked when `role` is what holds for his role."""
    if user.is_administrator:
        return True
    own = parse(user.permissions).get(permission.name)
    return permission.name in (role or standard(user.role)).permissions.split() if own is None else own


def limits(user: User) -> Limits:
    """Return how much a person may send: what is set for him, else what is set for his role."""
    if user.is_administrator:
        return Limits(None, QUOTA_DAYS, None)
    role = standard(user.role)
    return Limits(
        role.quota if user.quota is None else user.quota,
        role.quota_days,
        role.package_limit if user.package_limit is None else user.package_limit,
    )


def standard(role: str) -> Standard:
    """Return what holds for a role."""
    found = Standard.objects.filter(role=role, removed_at=None).first()
    return found or Standard(role=role, permissions=" ".join(one.name for one in ALL if one.default))


def parse(text: str) -> dict[str, bool]:
    """Return what is given (True) or taken (False) by a text like "+outside -invite". Pure."""
    return {word[1:]: word[0] == "+" for word in text.split() if word[1:] in BY_NAME and word[0] in "+-"}


def dump(own: dict[str, bool]) -> str:
    """Return the text for what is given or taken: the same for the same, whatever its order. Pure."""
    return " ".join(f"{'+' if own[name] else '-'}{name}" for name in sorted(own))
