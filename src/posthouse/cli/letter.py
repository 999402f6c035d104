"""What a package says and to whom it goes, as it is typed at the command line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from posthouse.cli.errors import Stop


@dataclass(frozen=True)
class Letter:
    """The words of a package, its people and its terms; what is left out follows the server's policy."""

    title: str = ""
    note: str = ""
    to: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    cc: Mapping[str, list[str]] = field(default_factory=dict)
    """Whom to tell, by event: upload, receipt, download."""
    days: int | None = None
    """Days until it ends; 0: it does not end by itself."""
    after: str = ""
    release: str = ""
    """A time as in ISO 8601; without a zone, of this machine's clock."""
    link_days: int | None = None
    """Days that links of people outside are good; 0: as long as the package."""
    link_once: bool = False
    link_password: str = field(default="", repr=False)

    def members(self) -> dict[str, Any]:
        """Return what a call for a new package says of it. Raises Stop."""
        link: dict[str, Any] = {"once": self.link_once, "password": self.link_password}
        found: dict[str, Any] = {"recipients": self.to, "private": self.private, "note": self.note}
        found |= {"title": self.title, "after": self.after, "link": link}
        found["cc"] = {event: people for event, people in self.cc.items() if people}
        if self.days is not None:
            found["days"] = self.days or None
        if self.link_days is not None:
            link["days"] = self.link_days or None
        if self.release:
            found["release"] = _moment(self.release)
        return found


def _moment(typed: str) -> str:
    try:
        return datetime.fromisoformat(typed).astimezone().isoformat()
    except ValueError as error:
        raise Stop(f"{typed} is no time. Type one like 2030-12-31T18:00.", 2) from error
