"""On the master: what has changed since a number, and what there is at all, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q

from posthouse.accounts.models import User
from posthouse.sync import lines
from posthouse.sync.batches import Batch, Range
from posthouse.sync.models import Change, Copy, Counter, Digest
from posthouse.sync.shared import SHARED, Shared

BATCH_ROWS = 4_000
BATCH_CHARACTERS = 4_000_000
LISTED = 500_000
"""Changes that stay listed for slaves that are behind. Who is further behind is compared bucket by bucket."""

USERS = next(shared for shared in SHARED if shared.model is User)
REFERRED_TO = [shared.name for shared in SHARED if shared.referred_to]

Lines = dict[str, list[str]]
Ids = dict[str, list[str]]


def counter() -> int:
    """Return the number of the newest change."""
    return Counter.objects.values_list("value", flat=True).get()


def reaches(after: int) -> bool:
    """Return whether all changes after a number are listed."""
    return Counter.objects.filter(floor__lte=after, value__gte=after).exists()


def pending(after: int, upto: int) -> int:
    """Return how many rows have changed since."""
    return Change.objects.filter(number__gt=after, number__lte=upto).count()


def removals(after: int, upto: int) -> int:
    """Return how many accounts were removed or deleted since; some of them a slave may have never had."""
    here = User.objects.filter(pk=OuterRef("key"), removed_at=None)
    return Change.objects.filter(~Exists(here), kind=USERS.name, number__gt=after, number__lte=upto).count()


def changes(after: int, upto: int, proof: str) -> Iterator[Batch]:
    """Yield the rows that changed after one number and up to another, in the order of their numbers.

    A slave may stop after any batch and go on from the `upto` of the last one that it has. Rows that change meanwhile
    have left for a higher number. What others refer to comes first. The last batch says what the digest must be then.
    """
    listed = Change.objects.exclude(kind__in=REFERRED_TO).filter(number__lte=upto).order_by("number", "kind", "key")
    position, place, known = after, Q(number__gt=after), after
    while True:
        found = list(listed.filter(place).values_list("number", "kind", "key")[: BATCH_ROWS + 1])
        more, found = len(found) > BATCH_ROWS, found[:BATCH_ROWS]
        # Rows of one transaction may share a number: it is reached only when the next number begins.
        reached = max(position, found[-1][0] - 1) if more else upto
        rows, gone = _rows((kind, key.hex) for _, kind, key in found)
        rows, gone = _referred_to(known, rows, gone)
        yield Batch(rows, gone, after=position, upto=reached, proof="" if more else proof)
        if not more:
            return
        number, kind, key = found[-1]
        position, known = reached, upto
        place = Q(number__gt=number) | Q(number=number, kind__gt=kind) | Q(number=number, kind=kind, key__gt=key)


def everything(shared: Shared, base: int, after: str = "") -> Iterator[Batch]:
    """Yield all rows of a kind behind an id, in the order of their ids, removed ones too."""
    while True:
        where, values = lines.between(after, "")
        rows, ended = _not_too_many(lines.read(shared, where, values, limit=BATCH_ROWS))
        last = "" if ended else rows[-1][: lines.ID]
        yield Batch(*_complete(shared, rows, base), kind=shared.name, range=Range(after, last, base))
        if not last:
            return
        after = last


def of_buckets(shared: Shared, names: Sequence[str], at_once: int, base: int) -> Iterator[Batch]:
    """Yield all rows of some buckets, removed ones too."""
    for start in range(0, len(names), at_once):
        some = names[start : start + at_once]
        rows = list(lines.read(shared, *lines.in_buckets(some)))
        yield Batch(*_complete(shared, rows, base), kind=shared.name, buckets=tuple(some))


def compact() -> int:
    """Shorten the list of changes, and return how many went.

    What a slave that is synced again and again has not seen yet stays, and so does what was listed since the last
    time: a sync that is under way needs it.
    """
    with transaction.atomic():
        count = Counter.objects.select_for_update().get()
        waiting = Copy.objects.filter(server__removed_at=None, acknowledged__gt=0)
        slowest = waiting.aggregate(least=Min("acknowledged"))["least"]
        digest = Digest.objects.get()
        floor = min(number for number in (count.seen, slowest, digest.change) if number is not None)
        oldest = Change.objects.order_by("-number").values_list("number", flat=True)[LISTED : LISTED + 1]
        floor = max(count.floor, floor, *oldest)
        Counter.objects.filter(pk=count.pk).update(floor=floor, seen=count.value)
        return Change.objects.filter(number__lte=floor).delete()[0]


def _rows(keys: Iterable[tuple[str, str]]) -> tuple[Lines, Ids]:
    """Return the lines of rows that are there, and the ids of those that are not, by kind, in the order of kinds."""
    wanted = {kind: [key for _, key in group] for kind, group in groupby(sorted(keys), key=lambda pair: pair[0])}
    rows: Lines = {}
    gone: Ids = {}
    for shared in SHARED:
        if shared.name in wanted:
            rows[shared.name] = list(lines.read(shared, *lines.among("id", wanted[shared.name])))
            there = {line[: lines.ID] for line in rows[shared.name]}
            gone[shared.name] = [key for key in wanted[shared.name] if key not in there]
    return rows, gone


def _referred_to(after: int, rows: Lines, gone: Ids) -> tuple[Lines, Ids]:
    """Put before rows what they may refer to and the slave may not have.

    It is looked for after the rows were read: whatever they refer to is there by then.
    """
    changed = Change.objects.filter(kind__in=REFERRED_TO, number__gt=after).values_list("kind", "key")
    first, first_gone = _rows((kind, key.hex) for kind, key in changed)
    return first | rows, first_gone | gone


def _complete(shared: Shared, rows: list[str], base: int) -> tuple[Lines, Ids]:
    """Return all rows that there are of a place, and before them what has been made since for them to refer to."""
    if shared.referred_to:
        return {shared.name: rows}, {}
    return _referred_to(base, {shared.name: rows}, {})


def _not_too_many(found: Iterable[str]) -> tuple[list[str], bool]:
    """Return rows for one batch, and whether there are no others behind them."""
    rows, length = [], 0
    for line in found:
        rows.append(line)
        length += len(line)
        if length > BATCH_CHARACTERS:
            return rows, False
    return rows, len(rows) < BATCH_ROWS
