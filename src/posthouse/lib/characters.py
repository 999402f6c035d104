"""Characters that show nothing, or show other text as what it is not. Pure."""

from __future__ import annotations

import unicodedata

# The characters with the property Bidi_Control (UAX #9): they make "gpj.exe" read as "exe.jpg".
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Control characters, halves of surrogate pairs, line and paragraph separators. Not Cf: emoji are joined by those.
HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


def hidden(character: str) -> bool:
    """Return whether the character controls something and shows nothing."""
    return unicodedata.category(character) in HIDDEN


def misleading(character: str) -> bool:
    """Return whether a name with this character could show as another one."""
    return character in BIDI_CONTROLS or hidden(character)


def one_line(text: str, limit: int | None = None) -> str:
    """Return the text on one line, at most `limit` characters long: without line breaks and what misleads the eye."""
    plain = "".join(" " if hidden(c) else c for c in text if c not in BIDI_CONTROLS)
    line = " ".join(plain.split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"
