"""Which server this is. The rooms above know; they say so when they start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Here:
    """This server."""

    id: UUID
    name: str


_sources: list[Callable[[], Here]] = []


def register(source: Callable[[], Here]) -> None:
    """Let the app that knows this server say so, from its AppConfig.ready."""
    _sources[:] = [source]


def this() -> Here:
    """Return this server."""
    return _sources[0]()
