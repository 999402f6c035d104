"""On a slave: taking over what the master sends, each batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from posthouse.cluster import servers
from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.models import Server
from posthouse.sync import digest, lines, triggers, writing
from posthouse.sync.batches import Batch
from posthouse.sync.models import Received, Stray
from posthouse.sync.shared import SHARED, Shared

STRAYS = 5_000


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


def begin(state: Received, turn: UUID, mark: UUID, change: int, root: str, *, anew: bool) -> tuple[Received, bool]:
    """Give the word to a sync, and return how far this copy is, and whether it equals the master's at a change.

    Whatever is still on its way from another sync is refused from now on. `anew` computes the digest from the rows.
    Raises Refusal when another sync has got on since `state` was read.
    """
    # The word first: what the sync before may still write must be there when we look, or not come at all.
    same = Received.objects.filter(pk=state.pk, turn=state.turn, step=state.step, mark=state.mark, change=state.change)
    if not same.update(turn=turn, step=0, mark=mark, at=timezone.now()):
        raise _misfit()
    state.refresh_from_db()
    if anew:
        digest.forget()
    # A copy that was never made, or is half made, is not worth the look.
    equal = bool(state.change) and state.sweep is None and digest.fingerprint().root == root
    if equal:
        if not Received.objects.filter(pk=state.pk, turn=turn, step=0).update(change=change, at=timezone.now()):
            raise _misfit()
        state.change = change
    return state, equal


def compare(master: Server, turn: UUID, *, wanted: bool) -> digest.Buckets:
    """Prepare for a comparison from the beginning, and return the digests of all buckets if they are wanted."""
    state = received(master)
    with transaction.atomic():
        _step(state, turn, state.step, step=state.step, sweep=None)
        Stray.objects.all().delete()
    if not wanted:
        return {}
    digest.fingerprint()
    return digest.buckets()


def take(batch: Batch, master: Server, turn: UUID, step: int, mark: UUID) -> dict[str, Any]:
    """Take over a batch, and return what became of it. One that was taken already does nothing.

    `mark` was made at the master after the rows of the batch were read there.
    Raises Refusal when it does not fit.
    """
    state = received(master)
    taken = (state.turn, state.step) == (turn, step + 1)
    answer: dict[str, Any] = dict(state.answer) if taken else _take(batch, state, turn, step, mark)
    if batch.proof:
        answer["equal"] = digest.fingerprint().root == batch.proof
    return answer


def settle(master: Server, turn: UUID, step: int, upto: int) -> int:
    """End a comparison: remove what the master does not have, softly, and return how many rows that were.

    From now on this copy has everything up to a change.
    """
    state = received(master)
    if (state.turn, state.step) == (turn, step + 1):
        return int(state.answer.get("removed", 0))
    with transaction.atomic():
        removed = 0
        for shared in SHARED:
            if Stray.objects.filter(kind=shared.name).exists():
                where = f"id IN (SELECT key FROM sync_stray WHERE kind = %s) AND {writing.may_go(shared)}"
                removed += writing.remove(shared, where, [shared.name])
        Stray.objects.all().delete()
        _step(state, turn, step, change=upto, sweep=None, answer={"removed": removed})
    return removed


def _take(batch: Batch, state: Received, turn: UUID, step: int, mark: UUID) -> dict[str, int]:
    if batch.upto and batch.after != state.change:
        raise _misfit()
    try:
        with transaction.atomic():
            _step(state, turn, step, mark=mark, **_progress(batch))
            with triggers.quiet() if batch.range else nullcontext():
                answer = asdict(_apply(batch))
            Received.objects.filter(pk=state.pk).update(answer=answer)
            if batch.range:
                digest.forget()
    except (IntegrityError, DataError) as error:
        raise Refusal(409, f"A row of the batch does not fit in here: {error}.") from error
    return answer


def _progress(batch: Batch) -> dict[str, Any]:
    """Return what a batch says about how far the copy is when it was taken."""
    if batch.upto:
        return {"change": batch.upto}
    if batch.range:
        return {"sweep": {"kind": batch.kind, "after": batch.range.last, "base": batch.range.base}}
    return {}


def _apply(batch: Batch) -> Counts:
    counts = Counts()
    for shared in SHARED:
        incoming = {line[: lines.ID]: line for line in batch.rows.get(shared.name, ())}
        if not all(lines.is_line(shared, line) for line in incoming.values()):
            raise Refusal(400, f"A row of the batch is none of the {shared.name}.")
        if incoming or batch.kind == shared.name:
            counts += _take_rows(shared, incoming, batch)
        if gone := batch.gone.get(shared.name):
            where, values = lines.among("id", gone)
            counts += Counts(removed=writing.remove(shared, f"{where} AND {writing.may_go(shared)}", values))
    return counts


def _take_rows(shared: Shared, incoming: dict[str, str], batch: Batch) -> Counts:
    """Write rows that differ from those here, and note those here that the master does not have."""
    differing = dict(incoming)
    here: dict[str, str] = {}
    strays: list[str] = []
    for line in _here(shared, incoming, batch):
        key = line[: lines.ID]
        if key not in incoming:
            strays.append(key)
            if len(strays) >= STRAYS:
                _note_strays(shared, strays)
        elif differing[key] == line:
            del differing[key]
        else:
            here[key] = line
    _note_strays(shared, strays)
    if not differing:
        return Counts()
    _forget_strays(shared, differing)
    names = {key: _name(shared, line) for key, line in differing.items() if lines.is_present(shared, line)}
    fresh = [name for key, name in names.items() if key not in here or not _has(shared, here[key], name)]
    if fresh:
        writing.make_way(shared, fresh, names)
    writing.write(
        shared, list(differing.values()), [key for key in differing if _parts_differ(shared, key, differing, here)]
    )
    removed = sum(lines.is_present(shared, line) and key not in names for key, line in here.items())
    added = sum(key not in here for key in names)
    return Counts(added, len(here) - removed, removed)


def _here(shared: Shared, incoming: dict[str, str], batch: Batch) -> Iterator[str]:
    """Yield the rows here that are in the batch, and of its place all that are present."""
    if batch.kind != shared.name:
        yield from lines.read(shared, *lines.among("id", list(incoming)))
        return
    where, values = (
        lines.between(batch.range.after, batch.range.last) if batch.range else lines.in_buckets(batch.buckets)
    )
    for line in lines.read(shared, where, values):
        if line[: lines.ID] in incoming or lines.is_present(shared, line):
            yield line


def _note_strays(shared: Shared, strays: list[str]) -> None:
    rows = [Stray(kind=shared.name, key=UUID(hex=key)) for key in strays]
    Stray.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
    strays.clear()


def _forget_strays(shared: Shared, differing: dict[str, str]) -> None:
    if Stray.objects.filter(kind=shared.name).exists():
        where, values = lines.among("key", list(differing))
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM sync_stray WHERE kind = %s AND {where}", [shared.name, *values])


def _name(shared: Shared, line: str) -> str:
    return str(lines.split(line)[shared.fields.index(shared.unique)])


def _has(shared: Shared, line: str, name: str) -> bool:
    return lines.is_present(shared, line) and _name(shared, line) == name


def _parts_differ(shared: Shared, key: str, there: dict[str, str], here: dict[str, str]) -> bool:
    return key not in here or lines.parts(shared, there[key]) != lines.parts(shared, here[key])


def _step(state: Received, turn: UUID, expected: int, **facts: Any) -> None:
    """Write how far the copy is, if this is the next step of the sync that has the word. Raises Refusal."""
    facts = {"step": expected + 1, "at": timezone.now()} | facts
    if not Received.objects.filter(pk=state.pk, turn=turn, step=expected, change=state.change).update(**facts):
        raise _misfit()


def _misfit() -> Refusal:
    return Refusal(
        409, "The call does not follow the one before it: another sync has begun since.", Kind.TEMPORARY, "position"
    )
