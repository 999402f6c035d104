"""The words by which packages are found, and the words that somebody looks for. Pure.

Both are cut in the same way: accents and case make no difference, everything that is no letter and no digit is a
boundary. Scripts that put no spaces between words are cut into overlapping pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST = 40
"""Characters of a word that count."""
MOST_ASKED = 10
"""Words of a question that count."""
MOST_BYTES = 600_000
"""Bytes of all words of one package; what comes behind them is not found. PostgreSQL takes 1 MiB."""
SHORTEST_BEGINNING = 2
"""Characters from which on a word is also found by its beginning."""

_RUN = re.compile(r"[^\W_]+")
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_MIXED = re.compile(r"\d+|\D+")


@dataclass(frozen=True)
class Asked:
    """One word that somebody looks for."""

    word: str
    beginning: bool
    """Whether longer words that begin so are meant, too."""


def words(text: str) -> Iterator[str]:
    """Yield the words under which a text is found, some of them more than once."""
    for piece, spaceless in _pieces(text):
        if spaceless:
            yield from (piece[at : at + 2] for at in range(len(piece)))
            continue
        yield piece[:LONGEST]
        if not piece.isdigit() and any(character.isdigit() for character in piece):
            yield from (part[:LONGEST] for part in _MIXED.findall(piece))


def asked(text: str) -> list[Asked]:
    """Return the words of a question, each once. All of them must be there; none means that nothing can be found."""
    found: dict[Asked, None] = {}
    for piece, spaceless in _pieces(text[:1000]):
        if spaceless and len(piece) > 1:
            found.update(dict.fromkeys(Asked(piece[at : at + 2], False) for at in range(len(piece) - 1)))
        else:
            found[Asked(piece[:LONGEST], spaceless or len(piece) >= SHORTEST_BEGINNING)] = None
    return list(found)[:MOST_ASKED]


def bounded(texts: Iterable[str], room: int) -> tuple[list[str], int]:
    """Return the words of texts, each once and in their order, within so many bytes, and how many bytes are left."""
    found: dict[str, None] = {}
    for text in texts:
        for word in words(text):
            if word in found:
                continue
            room -= len(word.encode())
            if room < 0:
                return list(found), 0
            found[word] = None
    return list(found), room


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield runs of letters and digits, and whether each is of a script without spaces."""
    if text.isascii():
        yield from ((run, False) for run in _RUN.findall(text.lower()))
        return
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in apart if unicodedata.category(character) != "Mn")
    for run in _RUN.findall(unicodedata.normalize("NFC", bare).casefold()):
        at = 0
        for spaceless in _SPACELESS.finditer(run):
            if spaceless.start() > at:
                yield run[at : spaceless.start()], False
            yield spaceless.group(), True
            at = spaceless.end()
        if at < len(run):
            yield run[at:], False
