"""What stays on the old server when somebody moves (R68, R69): each app that keeps such things counts its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet


@dataclass(frozen=True)
class Left:
    """So many things of one kind."""

    count: int
    one: str
    many: str

    def __str__(self) -> str:
        return f"{self.count} {self.one if self.count == 1 else self.many}"


People = QuerySet[Any]
"""The ids of people, as a subquery or a list of them."""
Source = Callable[[People], Left]
_sources: list[Source] = []


def register(source: Source) -> Source:
    """Let an app say how much of these people's stays on this server, from its AppConfig.ready."""
    if source not in _sources:
        _sources.append(source)
    return source


def of(people: People) -> list[Left]:
    """Return what these people have on this server; what they have on others is not known here."""
    return [left for left in (source(people) for source in _sources) if left.count]
