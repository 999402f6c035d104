"""What the servers of a cluster have in common, in one place: the models, their fields, and how rows travel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import QuerySet

from posthouse.accounts.models import User
from posthouse.cluster.models import Server

Row = list[Any]


@dataclass(frozen=True)
class Shared:
    """A model whose rows the master copies to its slaves."""

    name: str
    """What it is called between servers."""
    model: type[models.Model]
    fields: tuple[str, ...]
    """The columns that are copied; the id comes first. Every other one belongs to each server alone."""
    unique: str
    """The column that two rows must not share, whatever its case."""
    scope: dict[str, Any] = field(default_factory=dict)
    """Which rows are shared at all: those with these values."""
    on_removal: dict[str, Any] = field(default_factory=dict)
    """What a slave writes into a row that the master does not have, beside removed_at."""

    def rows(self) -> QuerySet[Any]:
        """Return all shared rows."""
        return self.model._default_manager.filter(**self.scope)

    def pack(self, found: Iterable[Sequence[Any]]) -> list[Row]:
        """Return rows of `fields` as plain JSON values."""
        return [[_plain(value) for value in row] for row in found]

    def unpack(self, row: Row) -> list[Any]:
        """Return the Python values of a row of plain ones. Raises ValueError or ValidationError."""
        if len(row) != len(self.fields):
            raise ValueError("a row has the wrong number of columns")
        kinds = [self.model._meta.get_field(name) for name in self.fields]
        return [_value(kind, value) for kind, value in zip(kinds, row, strict=True)]


SHARED = (
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
            "role",
            "keys",
            "tls_pin",
            "removed_at",
        ),
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
            "home_id",
            "home_by_hand",
            "directory",
            "removed_at",
        ),
        unique="login",
        scope={"local": False},
        on_removal={"is_active": False},
    ),
)
"""In the order in which they are copied: users refer to servers."""


def digest() -> str:
    """Return the SHA-256 of everything shared that was not removed: equal copies have equal ones, on any database."""
    hasher = hashlib.sha256()
    for shared in SHARED:
        hasher.update(shared.name.encode())
        present = shared.rows().filter(removed_at=None).order_by("id").values_list(*shared.fields)
        for row in present.iterator(chunk_size=5_000):
            values = [_plain(value) for value in row]
            hasher.update(json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode())
    return hasher.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, models.JSONField):
        return value
    return (kind.target_field if kind.is_relation else kind).to_python(value)
