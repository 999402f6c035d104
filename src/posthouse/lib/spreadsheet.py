"""CSV that a spreadsheet opens without taking what people have typed for formulas. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of a CSV file, with a quote before what would be a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def plain(cell: str) -> str:
    """Return what stood in a cell before `lines` put a quote before it."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _cell(value: Any) -> Any:
    return f"'{value}" if str(value).startswith(FORMULA) else value
