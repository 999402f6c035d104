"""The address book as a CSV file: lines to write, and lines that somebody brings, each good or with its cure. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from posthouse.accounts import naming
from posthouse.accounts.rules import check_name
from posthouse.lib import spreadsheet

COLUMNS = ("name", "email", "lists")
CALLED = {
    "name": "name",
    "full name": "name",
    "display name": "name",
    "email": "email",
    "e-mail": "email",
    "mail": "email",
    "address": "email",
    "email address": "email",
    "e-mail address": "email",
    "lists": "lists",
    "list": "lists",
    "groups": "lists",
    "group": "lists",
}
"""What other programs call the columns."""
LENGTH = 200
ROWS = 20_000


class NoTable(Exception):
    """The file is no table of contacts; the message says what it must be like."""


@dataclass(frozen=True)
class Row:
    """One contact of a file."""

    line: int
    name: str
    email: str
    """In lower case."""
    lists: tuple[str, ...]


@dataclass(frozen=True)
class Bad:
    """A line that cannot be taken, and what to do about it."""

    line: int
    sentence: str


def write(rows: Iterable[tuple[str, str, Iterable[str]]]) -> str:
    """Return (name, address, lists) as a CSV file; the names of lists stand with semicolons between."""
    return spreadsheet.lines([COLUMNS, *((name, email, "; ".join(lists)) for name, email, lists in rows)])


def decode(data: bytes) -> str:
    """Return the text of a file as spreadsheets save it. Raises NoTable."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise NoTable("The file is damaged. Save it again as “CSV UTF-8”.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoTable("The file is not text in UTF-8. Save it as “CSV UTF-8” in your spreadsheet.") from error


def read(text: str) -> Iterator[Row | Bad]:
    """Yield the lines of a file. The first one names the columns, of which email is needed. Raises NoTable."""
    text = text.replace("\0", "")
    first = text.lstrip("\r\n").split("\n", 1)[0]
    between = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=between)
    places: dict[str, int] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            yield Bad(reader.line_num, "It cannot be read: a quotation mark is missing, or a field is too long.")
            continue
        cells = [spreadsheet.plain(" ".join(cell.split())) for cell in cells]
        if not any(cells):
            continue
        if places is None:
            places = _places(cells)
            continue
        if reader.line_num > ROWS + 1:
            yield Bad(reader.line_num, f"A file has {ROWS:,} lines at most; the rest was left out. Split the file.")
            break
        yield _row(reader.line_num, cells, places)
    if places is None:
        raise NoTable("The file is empty. Its first line names the columns: name, email, lists.")


def _places(cells: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for at, cell in enumerate(cells):
        column = CALLED.get(cell.lower())
        if column:
            places.setdefault(column, at)
    if "email" not in places:
        raise NoTable("No column is called email. The first line of the file names the columns: name, email, lists.")
    return places


def _row(line: int, cells: list[str], places: dict[str, int]) -> Row | Bad:
    name, email, lists = (
        cells[places[column]] if places.get(column, len(cells)) < len(cells) else "" for column in COLUMNS
    )
    email = email.lower()
    if not email:
        return Bad(line, "The e-mail address is missing. Add it, or delete the line.")
    if not naming.is_address(email):
        return Bad(line, f"“{email[:100]}” is no e-mail address. Correct it.")
    names = tuple(dict.fromkeys(one for part in lists.split(";") if (one := part.strip())))
    for text, what in ((name, "name"), *((one, "name of a list") for one in names)):
        if len(text) > LENGTH:
            return Bad(line, f"The {what} has {len(text)} characters; {LENGTH} is the most. Shorten it.")
        try:
            check_name(text)
        except ValidationError as error:
            return Bad(line, error.messages[0])
    return Row(line, name, email, names)
