"""What everything shared amounts to: equal copies have equal digests, on any database.

Each bucket of rows has a digest, and the root is the sum of them. A bucket is computed anew when one of its rows is in
the list of changes: that costs the same however many rows there are beside them. Rows that are marked as removed do
not count. Once a day all is computed from the rows themselves, and when somebody distrusts what is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from posthouse.sync import lines
from posthouse.sync.models import Bucket, Counter, Digest
from posthouse.sync.shared import BY_NAME, SHARED, Shared

WHOLE = timedelta(days=1)
PASSES = 5
AT_ONCE = 500
_SIZE = 2**256

Buckets = dict[tuple[str, str], str]
"""The digests by kind and name of the bucket. Empty buckets are not among them."""


@dataclass(frozen=True)
class Fingerprint:
    """The digest of everything shared, as it is at a change number."""

    change: int
    root: str


def fingerprint() -> Fingerprint:
    """Return the digest of everything shared here, and the change number for which it holds."""
    for _ in range(PASSES):
        found = _bring_up()
        if found is not None and _counter() == found.change:
            return found
    with transaction.atomic():  # much is going on: let changes wait for a moment
        Counter.objects.select_for_update().get()
        while (found := _bring_up()) is None:
            pass
        return found


def buckets() -> Buckets:
    """Return the digests of all buckets, as the last fingerprint was made of them."""
    return {(kind, name): digest for kind, name, digest in Bucket.objects.values_list("kind", "name", "digest")}


def forget() -> None:
    """Have everything computed anew, from the rows themselves."""
    Digest.objects.update(change=None, turn=F("turn") + 1)


def afresh() -> str:
    """Return the root, computed from all rows, without looking at what is known."""
    return _root(_every().values())


def _counter() -> int:
    return Counter.objects.values_list("value", flat=True).get()


def _bring_up() -> Fingerprint | None:
    """Compute what is out of date, up to the newest change; None when somebody else was quicker.

    Changes may go on meanwhile: they have higher numbers, so what they touch is computed again by the next pass.
    """
    known = Digest.objects.get()
    upto, now = _counter(), timezone.now()
    stale = known.change is None or known.whole_at is None or now - known.whole_at > WHOLE
    if not stale and known.change == upto:
        return Fingerprint(upto, known.root)
    dirty = None if stale else _dirty(known.change or 0, upto)
    fresh = _every() if dirty is None else _some(dirty)
    with transaction.atomic():
        before = (
            [] if dirty is None else [digest for rows in _rows_of(dirty) for (digest,) in rows.values_list("digest")]
        )
        root = _root(fresh.values(), 0 if dirty is None else int(known.root, 16), before)
        written = Digest.objects.filter(turn=known.turn).update(
            turn=F("turn") + 1, change=upto, root=root, whole_at=now if dirty is None else known.whole_at
        )
        if not written:
            return None
        for rows in [Bucket.objects.all()] if dirty is None else _rows_of(dirty):
            rows.delete()
        made = [Bucket(kind=kind, name=name, digest=digest) for (kind, name), digest in fresh.items()]
        Bucket.objects.bulk_create(made, batch_size=2_000)
    return Fingerprint(upto, root)


def _dirty(after: int, upto: int) -> set[tuple[str, str]] | None:
    """Return the buckets in which something has changed; None when the list does not go back so far."""
    name = lines.bucket(connection.vendor, "key")
    sql = f"SELECT DISTINCT kind, {name} FROM sync_change WHERE number > %s AND number <= %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, [after, upto])
        found = {(str(kind), str(name)) for kind, name in cursor.fetchall()}
    return found if Counter.objects.filter(floor__lte=after).exists() else None


def _rows_of(wanted: set[tuple[str, str]]) -> Iterator[QuerySet[Bucket]]:
    for kind, names in _chunks(wanted):
        yield Bucket.objects.filter(kind=kind, name__in=names)


def _chunks(wanted: set[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the names of buckets, some at a time, in their order, by kind."""
    for kind, members in groupby(sorted(wanted), key=lambda bucket: bucket[0]):
        names = [name for _, name in members]
        for start in range(0, len(names), AT_ONCE):
            yield kind, names[start : start + AT_ONCE]


def _every() -> Buckets:
    found: Buckets = {}
    # Outside of a transaction PostgreSQL would first put all lines aside; SQLite would keep all writers waiting in one.
    with nullcontext() if connection.vendor == "sqlite" else transaction.atomic():
        for shared in SHARED:
            found |= _digests(shared, lines.read(shared, "removed_at IS NULL"))
    return found


def _some(wanted: set[tuple[str, str]]) -> Buckets:
    found: Buckets = {}
    for kind, names in _chunks(wanted):
        where, values = lines.in_buckets(names)
        found |= _digests(BY_NAME[kind], lines.read(BY_NAME[kind], f"removed_at IS NULL AND {where}", values))
    return found


def _digests(shared: Shared, rows: Iterator[str]) -> Buckets:
    """Return the digests of the buckets of all rows given, which come in the order of their ids. Pure."""
    hashers: dict[str, hashlib._Hash] = {}
    for line in rows:
        name = line[lines.BUCKET]
        if name not in hashers:
            hashers[name] = hashlib.sha256(f"{shared.name} {name}\n".encode())
        hashers[name].update(f"{line}\n".encode())
    return {(shared.name, name): hasher.hexdigest() for name, hasher in hashers.items()}


def _root(added: Iterable[str], before: int = 0, taken: Iterable[str] = ()) -> str:
    total = before + sum(int(digest, 16) for digest in added) - sum(int(digest, 16) for digest in taken)
    return f"{total % _SIZE:064x}"
