"""Range requests (RFC 9110, sections 13.1.5 and 14). Pure.

One range is honoured. A request for several gets the whole, as section 14.2 allows: multipart answers help nobody who
downloads packages, and are an old way to make servers work for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


class NotSatisfiable(ValueError):
    """The range begins after the end."""


@dataclass(frozen=True)
class Span:
    """Some of the bytes: from `start` on, `length` of them."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """Return the Content-Range field of an answer with these bytes of `size`."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def wanted(field: str | None, size: int) -> Span | None:
    """Return the bytes that a Range field asks for, of `size`; None for the whole.

    A field that is malformed, has another unit or several ranges is ignored. Raises NotSatisfiable.
    """
    match = _ONE.fullmatch(field or "")
    if not match or match[0].strip().endswith("=-"):
        return None
    first, last = match[1], match[2]
    if first and last and int(last) < int(first):
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= end:
        raise NotSatisfiable
    return Span(start, end - start)


def still_valid(if_range: str | None, etag: str) -> bool:
    """Return whether a Range field counts: there is no If-Range, or it names this strong entity tag.

    Contents never change under one tag, so dates, which are weaker, are not taken.
    """
    return if_range is None or if_range.strip() == etag


def matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether an If-None-Match field says that the client has this entity tag (weak comparison)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
