"""Server > Configuration: each app adds the pages on which administrators set what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One page of the configuration."""

    title: str
    page: str
    """URL name of the page."""
    icon: str
    about: str
    """What is set there, in a short sentence."""


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Let an app add a page, from its AppConfig.ready."""
    _sections[section.page] = section


def sections() -> list[Section]:
    """Return the pages, by title."""
    return sorted(_sections.values(), key=lambda section: section.title)
