"""What people typed, as it is stored. Pure."""

from __future__ import annotations

from posthouse.packages import names


def line(typed: str) -> str:
    """Return the text as one line: every run of spaces, line ends and control characters is one space."""
    return " ".join(text(typed).split())


def text(typed: str) -> str:
    """Return plain text that every database takes: control characters, which nobody can see, are left out."""
    lines = typed.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or c.isprintable() or not names.hidden(c)).strip()
