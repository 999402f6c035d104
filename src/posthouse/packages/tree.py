"""Files as a tree, line by line: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
DEEPEST = 6
"""Folders further down are shown no further to the right: a screen has an edge."""


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    """A folder (`item` is None) or a file, `depth` folders below the top."""

    name: str
    depth: int
    item: T | None


def lines(files: Iterable[tuple[str, T]]) -> Iterator[Line[T]]:
    """Yield a line for each file, and before it one for each of its folders that the line before was not in.

    The files come with those of a folder together, as `names.order` puts them.
    """
    within: list[str] = []
    for path, item in files:
        *folders, name = path.split("/")
        common = 0
        while common < min(len(within), len(folders)) and within[common] == folders[common]:
            common += 1
        for depth in range(common, len(folders)):
            yield Line(folders[depth], min(depth, DEEPEST), None)
        yield Line(name, min(len(folders), DEEPEST), item)
        within = folders
