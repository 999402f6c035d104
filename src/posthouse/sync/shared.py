"""What the servers of a cluster have in common, in one place: the models, and which of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import QuerySet

from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.models import Membership, Standard, User, Workgroup
from posthouse.accounts.security import PasswordRules
from posthouse.cluster.models import Server
from posthouse.homes.models import Rule
from posthouse.packages.models import OutsidePolicy


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of another model that belong to a shared row and travel with it: they are told apart by what they name."""

    model: type[models.Model]
    owner: str
    """The column that names the shared row."""
    key: str
    """The column that names what it is related to."""
    flags: tuple[str, ...]
    """Columns that are true or false. There are no others."""


@dataclass(frozen=True, eq=False)
class Shared:
    """A model whose rows the master copies to its slaves. Its key is a UUID called id; it has removed_at."""

    name: str
    """What it is called between servers."""
    model: type[models.Model]
    fields: tuple[str, ...]
    """The columns that are copied; the id comes first. Every other one belongs to each server alone."""
    unique: str
    """The column that two rows must not share, whatever its case."""
    scope: dict[str, bool] = field(default_factory=dict)
    """Which rows are shared at all: those with these values."""
    on_removal: dict[str, Any] = field(default_factory=dict)
    """What a slave writes into a row that the master does not have, beside removed_at."""
    stays: tuple[str, ...] = ()
    """Rows for which one of these columns is true are never removed because the master does not have them."""
    part: Part | None = None
    referred_to: bool = False
    """Whether other shared rows refer to these, so that these must be there first. They are few."""

    @property
    def table(self) -> str:
        """Its table."""
        return self.model._meta.db_table

    @property
    def kinds(self) -> list[models.Field[Any, Any]]:
        """The fields behind the columns; for a column that refers to a row, what that row's key is."""
        found: list[Any] = [self.model._meta.get_field(name) for name in self.fields]
        return [kind.target_field if kind.is_relation else kind for kind in found]

    @property
    def removal(self) -> int:
        """The place of the column that says when it was removed."""
        return self.fields.index("removed_at")

    def rows(self) -> QuerySet[Any]:
        """Return all shared rows."""
        return self.model._default_manager.filter(**self.scope)


SHARED: Sequence[Shared] = (
    Shared(
        name="servers",
        model=Server,
        fields=(
            "id",
            "name",
            "host",
            "namespace",
            "port",
            "alternate_address",
            "link_address",
            "role",
            "keys",
            "tls_pin",
            "removed_at",
        ),
        unique="name",
        stays=("is_self",),
        referred_to=True,
    ),
    Shared(
        name="workgroups",
        model=Workgroup,
        fields=("id", "name", "description", "senders", "removed_at"),
        unique="name",
    ),
    Shared(
        name="standards",
        model=Standard,
        fields=("id", "role", "permissions", "quota", "quota_days", "package_limit", "removed_at"),
        unique="role",
    ),
    Shared(
        name="outside",
        model=OutsidePolicy,
        fields=("id", "name", "allowed", "days", "once", "password", "removed_at"),
        unique="name",
    ),
    Shared(
        name="passwords",
        model=PasswordRules,
        fields=("id", "name", "least", "kinds", "history", "days", "removed_at"),
        unique="name",
    ),
    Shared(
        name="encryption",
        model=EncryptionRule,
        fields=("id", "name", "mode", "removed_at"),
        unique="name",
    ),
    Shared(
        name="users",
        model=User,
        fields=(
            "id",
            "login",
            "name",
            "email",
            "role",
            "is_active",
            "password",
            "password_at",
            "home_id",
            "home_by_hand",
            "directory",
            "permissions",
            "quota",
            "package_limit",
            "time_zone",
            "mails",
            "rows",
            "removed_at",
        ),
        unique="login",
        scope={"local": False},
        on_removal={"is_active": False},
        part=Part(Membership, owner="user_id", key="workgroup_id", flags=("is_administrator",)),
    ),
    Shared(
        name="rules",
        model=Rule,
        fields=(
            "id",
            "name",
            "position",
            "external",
            "email_pattern",
            "login_pattern",
            "group_pattern",
            "dn_pattern",
            "ldap",
            "home_id",
            "removed_at",
        ),
        unique="name",
    ),
)
"""In the order in which they are copied: users and rules refer to servers."""

BY_NAME = {shared.name: shared for shared in SHARED}
