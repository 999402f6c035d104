"""Variables in the words of e-mails: {name} stands for a value, and nothing else is special. Pure.

There is nothing to run in it: no conditions, no filters, no attributes. What a value holds is never looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from posthouse.lib.characters import one_line

VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
VALUE = 2000
PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


def unknown(text: str, known: Collection[str]) -> list[str]:
    """Return the variables of a text that do not exist, each once, in their order."""
    return list(dict.fromkeys(name for name in VARIABLE.findall(text) if name not in known))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text on one line with the values of its variables; one that does not exist stays as it is written."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        return one_line(values[name], VALUE) if name in values else found.group(0)

    return VARIABLE.sub(value, " ".join(text.split()))


def paragraphs(text: str, values: Mapping[str, str]) -> Iterator[str]:
    """Yield the paragraphs of a text, between which there are empty lines; values make no new ones."""
    for paragraph in PARAGRAPHS.split(text.replace("\r\n", "\n").strip()):
        if paragraph:
            yield fill(paragraph, values)
