"""On a slave: taking over what the master sends, each batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from posthouse.cluster import servers
from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.models import Server
from posthouse.sync.batches import Batch
from posthouse.sync.models import Received
from posthouse.sync.shared import SHARED, Row, Shared

MANY, SHARE = 20, 0.2
"""More removals at once than both, by an automatic sync, look like a mistake at the master."""


@dataclass(frozen=True)
class Counts:
    """What became of the rows."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.added + other.added, self.changed + other.changed, self.removed + other.removed)


def received(master: Server) -> Received:
    """Return how far this slave's copy is. Raises Refusal when the caller is not its master."""
    this = servers.this()
    if this.role != Server.Role.SLAVE:
        message = f"{this.name} is no slave. Log in there and choose Server > Multi-Server > Convert to Slave."
        raise Refusal(409, message, Kind.ADMINISTRATOR, "role")
    row = Received.objects.filter(master=master).first()
    if row is None:
        raise Refusal(409, f"{this.name} is a slave of another master than {master.name}.", Kind.ADMINISTRATOR, "role")
    return row


def start_over(master: Server) -> None:
    """Have the next batch begin at the beginning."""
    Received.objects.filter(pk=received(master).pk).update(change=0, at=timezone.now())


def take(batch: Batch, master: Server) -> Counts:
    """Take over a batch. One that was taken already does nothing. Raises Refusal when it does not fit."""
    state = received(master)
    if batch.upto <= state.change and batch.after < batch.upto:
        return Counts()
    if batch.after != state.change:
        raise _misfit(batch, state)
    counts = Counts()
    try:
        with transaction.atomic():
            for shared in SHARED:
                counts += _take_rows(shared, batch.rows.get(shared.name, []))
            moved = Received.objects.filter(pk=state.pk, change=batch.after)
            if not moved.update(change=batch.upto, at=timezone.now()):
                raise _misfit(batch, state)
    except (ValueError, TypeError, ValidationError) as error:
        raise Refusal(400, f"A row of the batch cannot be read: {error}.") from error
    except (IntegrityError, DataError) as error:
        raise Refusal(409, f"A row of the batch does not fit in here: {error}.") from error
    return counts


def remove_others(everyone: dict[str, Iterable[str]], *, by_hand: bool) -> int:
    """Remove, softly, what the master does not have, and return how many rows that were.

    Raises Refusal when it is much and nobody asked for it.
    """
    removed = 0
    with transaction.atomic():
        for shared in SHARED:
            present = shared.rows().filter(removed_at=None)
            if shared.model is Server:
                present = present.filter(is_self=False)
            ids = set(present.values_list("id", flat=True))
            gone = ids - {UUID(hex=text) for text in everyone[shared.name]}
            if not by_hand and len(gone) > max(MANY, SHARE * len(ids)):
                raise Refusal(
                    409,
                    f"{len(gone)} of {len(ids)} {shared.name} would be removed here at once. If that is meant, start"
                    " the sync by hand.",
                    Kind.ADMINISTRATOR,
                    "many",
                )
            for some in _chunks(sorted(gone)):
                removed += present.filter(id__in=some).update(removed_at=timezone.now(), **shared.on_removal)
    return removed


def _take_rows(shared: Shared, rows: list[Row]) -> Counts:
    """Write rows over those with the same ids, and make those that are not there."""
    wanted = {values[0]: values for values in map(shared.unpack, rows)}
    if not wanted:
        return Counts()
    model = shared.model._default_manager
    here = {row[0]: list(row) for row in model.filter(id__in=wanted).values_list(*shared.fields)}
    # Rows that the master shares, but that had been taken for this server's own.
    strays = set(here) - set(shared.rows().filter(id__in=wanted).values_list("id", flat=True))
    differing = [values for pk, values in wanted.items() if here.get(pk) != values or pk in strays]
    if not differing:
        return Counts()
    _make_way(shared, differing, here)
    objects = [shared.model(**dict(zip(shared.fields, values, strict=True)), **shared.scope) for values in differing]
    model.bulk_create(
        objects,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[*shared.fields[1:], *shared.scope],
    )
    removal = shared.fields.index("removed_at")
    added = sum(values[0] not in here for values in differing)
    removed = sum(
        values[removal] is not None and values[0] in here and here[values[0]][removal] is None for values in differing
    )
    return Counts(added, len(differing) - added - removed, removed)


def _make_way(shared: Shared, differing: list[list[Any]], here: dict[Any, list[Any]]) -> None:
    """Free the names that the rows want from rows of other ids.

    Such a row either is in the same batch, or comes in a later one, because its name has changed at the master too,
    or the master does not have it. So it is marked as removed; the master's word on it, if there is one, undoes that.
    """
    column, removal = shared.fields.index(shared.unique), shared.fields.index("removed_at")
    names = [
        values[column]
        for values in differing
        if values[removal] is None
        and (values[0] not in here or here[values[0]][column] != values[column] or here[values[0]][removal])
    ]
    owners = {values[0]: values[column] for values in differing}
    present: QuerySet[Any] = shared.rows().filter(removed_at=None).annotate(_lower=Lower(shared.unique))
    for some in _chunks(names, 400):
        taken = present.filter(_lower__in=[Lower(Value(name)) for name in some]).values_list("id", shared.unique)
        in_the_way = [pk for pk, name in taken if owners.get(pk) != name]
        shared.rows().filter(id__in=in_the_way).update(removed_at=timezone.now(), **shared.on_removal)


def _misfit(batch: Batch, state: Received) -> Refusal:
    return Refusal(
        409,
        f"The batch follows change {batch.after}, but this copy is at change {state.change}.",
        Kind.TEMPORARY,
        "position",
    )


def _chunks(items: list[Any], size: int = 500) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
