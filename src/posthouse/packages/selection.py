"""Some files of a package, named by their numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from posthouse.packages import limits


class NoSelection(ValueError):
    """Nothing was chosen, or something that cannot be."""


def parse(query: str) -> list[int]:
    """Return the numbers in the query of an address, as a form with boxes sends it: file=0&file=3. Each once, in order.

    Raises NoSelection.
    """
    try:
        pairs = parse_qsl(query, max_num_fields=limits.FILES)
    except ValueError as error:
        raise NoSelection("These are more files than a package has.") from error
    found = [value for name, value in pairs if name == "file"]
    if not all(value.isascii() and value.isdigit() and len(value) <= 9 for value in found):
        raise NoSelection("A file is chosen by its number.")
    if not found:
        raise NoSelection("Choose at least one file, then download what is chosen.")
    return sorted({int(value) for value in found})


def text(numbers: Iterable[int]) -> str:
    """Return numbers as a short text: 0-2,7. They are in order, each once."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def numbers(text: str) -> list[int]:
    """Return the numbers that `text` made a text of."""
    found: list[int] = []
    for run in filter(None, text.split(",")):
        first, _, last = run.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
