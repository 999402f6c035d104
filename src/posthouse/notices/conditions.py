"""What needs an administrator now: worked out whenever it is asked for, never stored, so it is never out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One line of the bar on the pages of administrators."""

    text: str
    page: str
    """URL name of the page where something can be done about it."""
    action: str
    """What is found there, as the words of the link."""


Source = Callable[[], Iterable[Condition]]
_sources: list[Source] = []


def register(source: Source) -> Source:
    """Let an app say what needs an administrator, from its AppConfig.ready. It is asked for each page."""
    if source not in _sources:
        _sources.append(source)
    return source


def current() -> list[Condition]:
    """Return what holds now."""
    return [condition for source in _sources for condition in source()]
