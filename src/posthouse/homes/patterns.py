"""What administrators type as patterns: what is refused, why, and what to write instead. Pure.

Patterns run on RE2, in a time that is linear in the text whatever the pattern, so none can hold up the server. They are
searched for anywhere in a text, and capital letters make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import re2

LENGTH = 500
"""Characters in a pattern."""
MEMORY = 1024 * 1024
"""Bytes that one compiled pattern may take."""
FORBIDDEN = {
    "~": "Leave it out: . stands for any character.",
    "/": "Leave it out: a pattern has no slashes around it, and . stands for any character.",
    "\\": "Write [.] for a literal dot, [0-9] for a digit and [a-z] for a letter.",
}
_SHORT_FORMS = {"d": "0-9", "w": "0-9A-Za-z_", "s": " "}
_ESCAPED = re.compile(r"\\(.)")
_ESCAPED_IN_CLASS = re.compile(r"\[[^]]*\\[^]]*\]")


class BadPattern(ValueError):
    """A pattern cannot be used. The message says what is wrong with it, where, and what to write instead."""


def options(memory: int = MEMORY) -> re2.Options:
    """Return how every pattern is compiled."""
    chosen = re2.Options()
    chosen.case_sensitive = False
    chosen.log_errors = False
    chosen.max_mem = memory
    return chosen


def check(pattern: str) -> None:
    """Refuse a pattern that cannot be used. Raises BadPattern."""
    if len(pattern) > LENGTH:
        raise BadPattern(
            f"A pattern has at most {LENGTH} characters; this one has {len(pattern)}. Make two rules of it."
        )
    for place, character in enumerate(pattern, 1):
        if character in FORBIDDEN:
            better = suggestion(pattern)
            cure = f"Write {better} instead." if better else FORBIDDEN[character]
            raise BadPattern(f"{character} (character {place}) may not be used in a pattern. {cure}")
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise BadPattern(f"Character {place} of the pattern cannot be seen. Type the pattern anew.")
    try:
        compiled(pattern)
    except re2.error as error:
        raise BadPattern(_words(pattern, error.args[0].decode(errors="replace"))) from error


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re2._Regexp:
    """Return a pattern that is ready to be searched for. Raises re2.error."""
    return re2.compile(pattern, options())


def suggestion(pattern: str) -> str:
    """Return what to write instead of a pattern with forbidden characters; empty when that is not plain."""

    def in_class(found: re.Match[str]) -> str:
        return _ESCAPED.sub(lambda one: _SHORT_FORMS.get(one[1], one[1]), found[0])

    def alone(found: re.Match[str]) -> str:
        return f"[{_SHORT_FORMS.get(found[1], found[1])}]"

    better = pattern
    if len(better) > 2 and better[0] == better[-1] == "/":
        better = better[1:-1]
    better = _ESCAPED.sub(alone, _ESCAPED_IN_CLASS.sub(in_class, better))
    if not better or any(character in FORBIDDEN for character in better):
        return ""
    # A short form that has no counterpart, such as \b, would become a letter: better no suggestion than a wrong one.
    if any(one.isalnum() and one not in _SHORT_FORMS for one in _ESCAPED.findall(pattern)):
        return ""
    try:
        compiled(better)
    except re2.error:
        return ""
    return better


def _words(pattern: str, message: str) -> str:
    """Say in words what RE2 found."""
    what, _, piece = message.partition(": ")
    place = pattern.find(piece) + 1 if piece and piece != pattern else 0
    where = f" at character {place} ({piece})" if place else ""
    match what:
        case "missing )":
            return f"The bracket ( at {_open(pattern)} is never closed. Write ) where it ends, or [(] for itself."
        case "unexpected )":
            return "A closing bracket ) has no opening one. Write ( before it, or [)] for the character itself."
        case "missing ]":
            return f"The list [{where} is never closed. Write ] where it ends."
        case "no argument for repetition operator":
            return f"There is nothing to repeat{where}. Write what is repeated before it: .* stands for any text."
        case "bad repetition operator":
            return f"Two repetitions follow one another{where}. Leave one of them out."
        case "invalid repetition size":
            return f"That is repeated too often{where}: a thousand times is the most, all repetitions multiplied."
        case "invalid character class range":
            return f"The range{where} runs backwards or is unknown. Write it as a-z, the first character first."
        case "invalid perl operator":
            return (
                f"(?…) groups that look ahead or behind cannot be used{where}: patterns run in linear time. Use several"
                " patterns or rules instead."
            )
        case "pattern too large - compile failed":
            return "The repetitions of the pattern, written out, take too much memory. Repeat less."
    return f"The pattern cannot be read: {message}."


def _open(pattern: str) -> str:
    """Return where the last round bracket is that was never closed, in words."""
    waiting: list[int] = []
    listed = False
    for place, character in enumerate(pattern, 1):
        if character == "]":
            listed = False
        elif character == "[":
            listed = True
        elif not listed and character == "(":
            waiting.append(place)
        elif not listed and character == ")" and waiting:
            waiting.pop()
    return f"character {waiting[-1]}" if waiting else "the last one"
