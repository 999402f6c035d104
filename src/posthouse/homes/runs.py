"""Recalculate: a preview of who would move, and then the moves (M8).

Only people are looked at whom the rules of before have placed: whoever was decided by rules that are still the same,
up to and including the one that matched, is where he belongs. The moves are made in pieces, each in one transaction
that also writes how far it is. Nobody moves who was not in the preview, and none of it is done once the rules have
changed.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.audit import log
from posthouse.audit.log import Who
from posthouse.homes import facts, placing, ruleset
from posthouse.homes.engine import Engine
from posthouse.homes.facts import Row
from posthouse.homes.models import Default, Move, Recalculation
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit

Stage = Recalculation.Stage
PIECE = 1_000
KEPT = 20
"""Runs that stay in the list."""
OPEN = (State.QUEUED, State.ACTIVE, State.DEFERRED, State.HELD)
CHANGED = "The rules were changed since this preview. Make a new one."


class NotPossible(Exception):
    """That cannot be done now; the message says why, and what can."""


def latest() -> Recalculation | None:
    """Return the newest run."""
    return Recalculation.objects.order_by("-created_at", "-id").first()


def is_current(run: Recalculation) -> bool:
    """Whether the rules are still those of the run."""
    return run.digest == ruleset.in_force().people.digest


def start(by: str, *, everybody: bool = False) -> Recalculation:
    """Have a preview made soon, in place of one that is under way. Raises NotPossible."""
    with transaction.atomic():
        lock()
        last = latest()
        if last and last.stage == Stage.MOVING and last.state in OPEN:
            raise NotPossible("A recalculation is running. Wait for its end, or cancel it.")
        _end(Recalculation.objects.filter(state__in=OPEN), "A newer preview took its place.")
        digest = ruleset.in_force().people.digest
        run = Recalculation.objects.create(digest=digest, by=by, everybody=everybody)
        kept = Recalculation.objects.order_by("-created_at").values_list("pk", flat=True)[:KEPT]
        Recalculation.objects.exclude(pk__in=list(kept)).delete()
        wake_on_commit()
    return run


def carry_out(run_id: UUID, who: Who) -> None:
    """Have the moves of the newest preview made. Raises NotPossible."""
    with transaction.atomic():
        lock()
        run = _newest(run_id)
        if not is_current(run):
            raise NotPossible(CHANGED)
        ready = Recalculation.objects.filter(pk=run_id, stage=Stage.PREVIEW, state=State.DONE)
        begun = {
            "stage": Stage.MOVING,
            "state": State.QUEUED,
            "attempts": 0,
            "looked": 0,
            "cursor": None,
            "by": who.name,
        }
        if not ready.update(**begun, ended_at=None, updated_at=timezone.now()):
            raise NotPossible("The preview is not ready, or was carried out already.")
        log.record(who, "homes.recalculated", f"Recalculate was chosen for {run.movers} users who would move.", run)
        wake_on_commit()


def cancel(run_id: UUID, who: Who) -> None:
    """Stop a run. Whoever has moved already stays where he is. Raises NotPossible."""
    with transaction.atomic():
        if not _end(Recalculation.objects.filter(pk=run_id, state__in=OPEN), f"Cancelled by {who.name}."):
            raise NotPossible("It has ended already.")
        log.record(who, "homes.recalculation_cancelled", "The recalculation of home servers was cancelled.")


def resume(run_id: UUID, who: Who) -> None:
    """Go on with the newest run, which was cancelled or has failed. Raises NotPossible."""
    with transaction.atomic():
        lock()
        run = _newest(run_id)
        if not is_current(run):
            raise NotPossible(CHANGED)
        if not leases.requeue(Recalculation.objects.filter(pk=run_id, state=State.FAILED)):
            raise NotPossible("It was not stopped.")
        log.record(who, "homes.recalculation_resumed", "The recalculation of home servers was resumed.", run)
        wake_on_commit()


def lock() -> None:
    """Have everybody who changes rules, or starts a run, take turns until the transaction ends."""
    Default.objects.get_or_create(pk=Default.ONLY)
    Default.objects.select_for_update().get(pk=Default.ONLY)


def due() -> QuerySet[Recalculation]:
    """Return the runs to choose from."""
    return Recalculation.objects.order_by("created_at")


def run(job: Job[Recalculation]) -> None:
    """Do the work of one run from where it is. Raises LostLease and Stopping."""
    step = _look if job.row.stage == Stage.PREVIEW else _move
    while True:
        job.check()
        engine = ruleset.in_force().people
        if engine.digest != job.row.digest:
            leases.fail(job.row, CHANGED)
            return
        if not job.row.total:
            job.note(total=facts.outdated(engine, everybody=job.row.everybody).count())
        if not step(job, engine):
            return


def _look(job: Job[Recalculation], engine: Engine) -> bool:
    """Find the movers among the next people; False when there are no more."""
    rows = facts.rows(_next(job.row, engine), engine)
    decided = [(row, engine.decide(row.person)) for row in rows]
    moves = [
        Move(run=job.row, user_id=row.id, source_id=row.home, target_id=decision.home, rule_id=decision.rule)
        for row, decision in decided
        if decision.home and decision.home != row.home
    ]
    with transaction.atomic():
        Move.objects.bulk_create(moves, ignore_conflicts=True)
        _note(job, rows, movers=job.row.movers + len(moves))
    return bool(rows)


def _move(job: Job[Recalculation], engine: Engine) -> bool:
    """Move the next people as the preview says; False when there are no more."""
    with transaction.atomic():
        placing.take_turns()
        rows = facts.rows(_next(job.row, engine), engine)
        waiting = Move.objects.filter(run=job.row, done=False, user_id__in=[row.id for row in rows])
        wanted = dict(waiting.values_list("user_id", "target_id"))
        decided = [(row, engine.decide(row.person)) for row in rows]
        # Whoever should move now and was not in the preview waits for the next one.
        as_said = [each for each in decided if each[1].home in (None, each[0].home, wanted.get(each[0].id))]
        moved = placing.write(as_said, timezone.now())
        waiting.filter(user_id__in=[row.id for row, each in as_said if each.home == wanted.get(row.id)]).update(
            done=True
        )
        _note(job, rows, moved=job.row.moved + moved)
    return bool(rows)


def _next(run: Recalculation, engine: Engine) -> QuerySet[User]:
    left = facts.outdated(engine, everybody=run.everybody)
    if run.cursor:
        left = left.filter(pk__gt=run.cursor)
    return left.order_by("pk")[:PIECE]


def _note(job: Job[Recalculation], rows: list[Row], **counts: int) -> None:
    if rows:
        job.note(cursor=rows[-1].id, looked=job.row.looked + len(rows), **counts)


def _newest(run_id: UUID) -> Recalculation:
    run = latest()
    if run is None or run.pk != run_id:
        raise NotPossible("There is a newer preview. Look at that one.")
    return run


def _end(runs: QuerySet[Recalculation], reason: str) -> int:
    return runs.update(
        state=State.FAILED,
        fence=F("fence") + 1,  # whoever is at it now may write no more
        last_error=reason,
        lease_holder="",
        lease_until=None,
        ended_at=timezone.now(),
        updated_at=timezone.now(),
    )
