"""On the master: what has changed since a number, and what the whole looks like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from posthouse.sync import shared
from posthouse.sync.batches import Batch
from posthouse.sync.models import Counter
from posthouse.sync.shared import SHARED

BATCH_ROWS = 2_000


def counter() -> int:
    """Return the number of the newest change."""
    return Counter.objects.values_list("value", flat=True).get()


def pending(after: int, upto: int) -> int:
    """Return how many rows have changed since."""
    return sum(_since(each.rows(), after, upto).count() for each in SHARED)


def batches(after: int, upto: int, size: int = BATCH_ROWS) -> Iterator[Batch]:
    """Yield the rows that changed after one number and up to another, in the order of their numbers.

    Servers, which users refer to and which are few, all come in the first batch. A slave may stop after any batch and
    go on from the `upto` of the last one that it has. Rows that change meanwhile have left for a higher number.
    """
    servers, users = SHARED
    found = servers.pack(_since(servers.rows(), after, upto).order_by("id").values_list(*servers.fields))
    rows: dict[str, Any] = {servers.name: found}
    position, place = after, (after if after else -1, None)
    while True:
        chunk = list(_next(users.rows(), place, upto).values_list("change", *users.fields)[: size + 1])
        more = len(chunk) > size
        chunk = chunk[:size]
        rows[users.name] = users.pack(row[1:] for row in chunk)
        # Rows of one transaction may share a number: it is reached only when the next number begins.
        reached = max(position, chunk[-1][0] - 1) if more else upto
        yield Batch(position, reached, rows)
        if not more:
            return
        position, place, rows = reached, (chunk[-1][0], chunk[-1][1]), {servers.name: []}


def everyone() -> dict[str, list[str]]:
    """Return the ids of all shared rows, removed ones too."""
    return {each.name: [pk.hex for pk in each.rows().order_by("id").values_list("id", flat=True)] for each in SHARED}


@dataclass(frozen=True)
class Fingerprint:
    """The digest of everything shared, as it is at a change number."""

    change: int
    digest: str


_last: Fingerprint | None = None


def fingerprint() -> Fingerprint:
    """Return the digest of everything shared here, and the change number for which it holds.

    It is kept until something changes, which raises the counter, whoever does it.
    """
    global _last
    for _ in range(3):
        before = counter()
        if _last is not None and _last.change == before:
            return _last
        digest = shared.digest()
        if counter() == before:
            _last = Fingerprint(before, digest)
            return _last
    with transaction.atomic():  # much is going on: let changes wait for a moment
        held = Counter.objects.select_for_update().get()
        _last = Fingerprint(held.value, shared.digest())
        return _last


def forget() -> None:
    """Forget the digest that was kept."""
    global _last
    _last = None


def _since(rows: QuerySet[Any], after: int, upto: int) -> QuerySet[Any]:
    # From the beginning means all rows, whatever their number.
    return rows.filter(change__lte=upto) if after == 0 else rows.filter(change__gt=after, change__lte=upto)


def _next(rows: QuerySet[Any], place: tuple[int, Any], upto: int) -> QuerySet[Any]:
    change, last = place
    behind = Q(change__gt=change) if last is None else Q(change__gt=change) | Q(change=change, id__gt=last)
    return rows.filter(behind, change__lte=upto).order_by("change", "id")
