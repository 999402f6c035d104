"""Distinguished names, compared as directories compare them. Pure.

One name can be written in many ways: `CN=Müller\\, Jörg,DC=a` is `cn=M\\C3\\BCller\\2C Jörg, dc=A`. Lists of members
hold them as somebody once typed them, so all comparisons go through `canonical`.
"""

from __future__ import annotations

import re

BETWEEN = re.compile(r"\s*([,+=])\s*")
HEX = frozenset("0123456789abcdefABCDEF")


def canonical(dn: str) -> str:
    """Return the one form of a name that all its spellings share. Only for comparing: nobody is shown it."""
    if "\\" not in dn and '"' not in dn:
        return BETWEEN.sub(r"\1", dn.strip()).casefold()
    return ",".join("=".join(_tidy(side) for side in _split(part, "=", 1)) for part in _split(dn, ",")).casefold()


def parent(canonical_dn: str) -> str:
    """Return the canonical name of what an entry lies in."""
    return ",".join(_split(canonical_dn, ",")[1:])


def is_below(canonical_dn: str, canonical_base: str) -> bool:
    """Return whether an entry is a base or lies below it. An empty base holds everything."""
    return not canonical_base or canonical_dn == canonical_base or canonical_dn.endswith("," + canonical_base)


def looks_like_one(text: str) -> bool:
    """Return whether a text is a distinguished name, rather than the plain name of something."""
    parts = _split(text.strip(), ",")
    return all(re.match(r"\s*[A-Za-z][A-Za-z0-9-]*\s*=.|\s*[0-9.]+\s*=.", part) is not None for part in parts)


def _split(text: str, mark: str, most: int = -1) -> list[str]:
    """Split at marks that are neither escaped nor between quotes."""
    parts: list[str] = []
    start, quoted, position = 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character == mark and not quoted and (most < 0 or len(parts) < most):
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _tidy(text: str) -> str:
    """Return one side of a part with each character written in one way: what needs an escape as its hex bytes."""
    text = text.strip() if not text.rstrip().endswith("\\") else text.lstrip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    raw, position = bytearray(), 0
    while position < len(text):
        character = text[position]
        if character != "\\":
            raw += character.encode()
            position += 1
        elif len(pair := text[position + 1 : position + 3]) == 2 and set(pair) <= HEX:
            raw.append(int(pair, 16))
            position += 3
        else:
            raw += text[position + 1 : position + 2].encode()
            position += 2
    plain = raw.decode(errors="backslashreplace")
    return "".join(f"\\{ord(one):02x}" if one in ',+"\\<>;#' else one for one in plain)
