"""Pages of a long list that never count it: a hundred thousand rows cost no more than fifty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

Row = TypeVar("Row", bound=Model)
SIZE = 50
LAST = 100_000  # further pages are asked for by nobody but robots


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page, for `web/pages.html`."""

    rows: list[Row]
    number: int
    has_next: bool

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def has_previous(self) -> bool:
        """Whether a page comes before this one."""
        return self.number > 1

    @property
    def next_page_number(self) -> int:
        """The number of the page after this one."""
        return self.number + 1

    @property
    def previous_page_number(self) -> int | None:
        """The number of the page before this one; None for the first, which needs no number in its address."""
        return self.number - 1 if self.number > 2 else None


def rows_per_page(request: HttpRequest) -> int:
    """Return how many rows a person has chosen to see on a page."""
    return int(getattr(getattr(request, "user", None), "rows", SIZE))


def page(request: HttpRequest, rows: QuerySet[Row], size: int | None = None) -> Page[Row]:
    """Return the page of the rows that `?page=` asks for, with as many of them as the person has chosen.

    Raises:
        Http404: it is no number, or no page.

    """
    asked = request.GET.get("page", "1")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 9 and 1 <= int(asked) <= LAST):
        raise Http404
    number = int(asked)
    size = size or rows_per_page(request)
    start = (number - 1) * size
    found = list(rows[start : start + size + 1])  # one more than is shown tells whether there is another page
    return Page(found[:size], number, len(found) > size)
