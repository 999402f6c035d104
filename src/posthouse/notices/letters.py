"""What a mail says, and how it looks: one form for all of them, as plain text and as simple HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from posthouse.cluster import servers
from posthouse.lib.characters import one_line

SUBJECT = 200
LINE = 2000


@dataclass(frozen=True)
class Letter:
    """The words of a mail. They may hold anything that people have typed: it is made harmless here.

    Administrators can read every mail that goes out, so a letter never holds a secret.
    """

    subject: str
    text: str
    """A few sentences, one paragraph."""
    facts: dict[str, str] = field(default_factory=dict)
    link: str = ""
    """The absolute address of the page where the reader can do something about it."""
    action: str = ""
    """What he can do there."""
    paragraphs: tuple[str, ...] = ()
    """Several paragraphs in place of `text`."""

    @property
    def title(self) -> str:
        """The subject on one line, as a mail's header needs it."""
        return one_line(self.subject, SUBJECT)

    def render(self) -> tuple[str, str]:
        """Return the letter as plain text, and as HTML."""
        context = self.context()
        text, html = (render_to_string(f"notices/mail/letter.{form}", context) for form in ("txt", "html"))
        return text.strip() + "\n", html

    def context(self) -> dict[str, Any]:
        """Return what the two forms are made of."""
        return {
            "title": self.title,
            "paragraphs": [one_line(text, LINE * 2) for text in self.paragraphs or (self.text,)],
            "facts": {name: one_line(value, LINE) for name, value in self.facts.items()},
            "link": self.link,
            "action": one_line(self.action, LINE),
            "server": settings.POSTHOUSE.name,
            "address": link("front"),
        }


def link(name: str, *args: Any) -> str:
    """Return the absolute address of this server's page of that name."""
    return servers.link(name, *args)


def moment(when: datetime | None) -> str:
    """Return a moment as a letter says it."""
    if when is None:
        return "never"
    utc = when.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"
