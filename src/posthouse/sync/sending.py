"""On the master: one slave is brought to the state of this server, and that is proven (R23-R27, D8, D9).

A sync asks whether both are equal, and is done if so. Else it sends what has changed since the last change that the
slave has, and asks again. When that does not make them equal, or the slave is too far behind, the buckets of both are
compared, and those that differ are sent whole. A first sync is a comparison in which everything differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import connections

from posthouse.cluster import servers
from posthouse.cluster.calls import call
from posthouse.cluster.errors import NotPosthouse, Refused
from posthouse.jobs.job import Job
from posthouse.sync import batches, digest, feed, lines, marks
from posthouse.sync.batches import Batch
from posthouse.sync.digest import Fingerprint
from posthouse.sync.guarding import Guarding
from posthouse.sync.models import Copy, Mark, Run
from posthouse.sync.shared import BY_NAME, SHARED, Shared

ROUNDS = 6
"""How often a sync goes after what changed while it was under way, before it leaves that to the next one."""
TIMEOUT_SECONDS = 600.0
"""A slave may have to compute its digest from all rows before it answers: long, with a million users on a slow disk."""
NOTE_SECONDS = 0.5
FEW_BUCKETS = 4_096
"""Up to that many differing buckets, or a quarter of all, are sent by themselves; more are sent with all others."""
BUCKETS_LIMIT = 32 * 1024 * 1024
"""Bytes of an answer with the digests of all buckets; some 5 MB with a million users."""

log = structlog.get_logger("posthouse.sync")


class Unproven(Exception):
    """The copy could not be proven equal; the message says why."""


@dataclass(frozen=True)
class There:
    """What a slave says of its copy."""

    change: int
    equal: bool
    sweep: dict[str, Any] | None


class Sending:
    """One run's work."""

    def __init__(self, job: Job[Run]) -> None:
        self.job = job
        self.server = job.row.server
        self.anew = job.row.kind == Run.Kind.MANUAL
        """Whether the slave is still to compute its digest from all rows: somebody may distrust what is known."""
        self.guard = Guarding(self.server, self._call)
        self.told: UUID | None = None
        """The mark that the slave was told last, as far as we know."""
        self.noted = time.monotonic()
        self.turn: UUID | None = None
        self.step = 0
        self.astray = False
        """Whether what is sent sets right what has gone astray."""
        names = ("total", "sent", "added", "changed", "removed", "bytes", "mended", "buckets")
        self.counts = dict.fromkeys(names, 0)

    def run(self) -> int:
        """Bring the slave to the state of the master, and return the number of the last change that it has.

        Raises CallError, Unproven and Held; LostLease and Stopping come from the job.
        """
        try:
            return self._run()
        finally:
            self.job.note(**self.counts)

    def _run(self) -> int:
        self.told = Copy.objects.values_list("told", flat=True).get(server=self.server)
        if self.anew:
            digest.forget()
        compared = None
        for number in range(ROUNDS):
            try:
                if not number and Copy.objects.filter(server=self.server, synced_at=None).exists():
                    self._copy()
                here = digest.fingerprint()
                there = self._begin(here, anew=self.anew and not self.counts["sent"])
                self.anew = False
                if there.equal or self._bring(there, here):
                    return here.change
                if feed.counter() != here.change:
                    continue
                if compared == here:
                    raise Unproven(
                        f"The copy on {self.server.name} still differs from the master after all that differed was"
                        " sent. The logs of both servers say more."
                    )
                compared = here
                self._compare(there, here)
            except Refused as refused:
                if refused.code != "position":
                    raise
        raise Unproven("So much changed during the sync that it did not come to an end. It goes on by itself.")

    def _copy(self) -> None:
        """Send everything to a slave that never had anything, and meanwhile compute what everything amounts to."""
        base = feed.counter()
        there = self._begin(Fingerprint(base, ""), anew=False)
        if there.change:
            return
        makers = self._rest(there.sweep)
        if makers is None:
            self._call("sync/buckets", json=self._place() | {"wanted": False})
            makers = base, [self._whole(shared, base) for shared in SHARED]
        with ThreadPoolExecutor(1, "digest") as aside:
            computed = aside.submit(_fingerprint)
            self._settle(*makers)
            computed.result()

    def _begin(self, here: Fingerprint, *, anew: bool) -> There:
        """Ask how far the copy is. Raises Held when it has what is not known here."""
        answer = self._ask(here, marks.newest(), self.told, anew=anew)
        if answer.get("told") is False:
            # It was told another mark last than we know: by a call whose answer was lost, by this very sync before it
            # was broken off, or by what this database was before it was set back to an older backup.
            last = UUID(hex=answer["mark"]) if answer["mark"] else None
            known = marks.is_known(last) if last else int(answer["change"]) <= here.change
            if not known:
                self.guard.history(last)
            answer = self._ask(here, marks.newest(), last, anew=anew, force=not known)
        match answer:
            case {"change": int(change), "equal": bool(equal), "sweep": dict() | None as sweep}:
                return There(change, equal, sweep)
        raise NotPosthouse(f"{self.server.name} does not say how far its copy is.")

    def _ask(
        self, here: Fingerprint, mark: Mark, after: UUID | None, *, anew: bool, force: bool = False
    ) -> dict[str, Any]:
        self.turn, self.step = uuid4(), 0
        content = {
            "turn": self.turn.hex,
            "change": here.change,
            "root": here.root,
            "anew": anew,
            "mark": mark.token.hex,
            "after": after.hex if after else "",
            "force": force,
        }
        answer = self._call("sync/state", json=content | servers.report())
        servers.note_report(self.server, answer)
        if answer.get("told"):
            self._has_told(mark)
        return answer

    def _has_told(self, mark: Mark) -> None:
        if mark.token != self.told:
            self.told = mark.token
            Copy.objects.filter(server=self.server).update(told=mark.token)

    def _bring(self, there: There, here: Fingerprint) -> bool:
        """Send what has changed since the last change that the slave has; whether that has made it equal."""
        if there.sweep is not None or there.change > here.change or not feed.reaches(there.change):
            return False
        if there.change == here.change:
            return False
        self.guard.removals(feed.removals(there.change, here.change))
        self._note(total=feed.pending(there.change, here.change))
        return self._send(lambda: feed.changes(there.change, here.change, here.root))

    def _compare(self, there: There, here: Fingerprint) -> None:
        """Send all that differs."""
        self.astray = there.sweep is None and there.change == here.change
        self._settle(*(self._rest(there.sweep) or self._differing(here)))

    def _settle(self, base: int, makers: list[Callable[[], Iterator[Batch]]]) -> None:
        self._send(lambda: chain.from_iterable(make() for make in makers))
        answer = self._call("sync/finish", json={**self._place(), "upto": base})
        self.step += 1
        self._tally({"removed": answer["removed"]})

    def _rest(self, sweep: dict[str, Any] | None) -> tuple[int, list[Callable[[], Iterator[Batch]]]] | None:
        """Return what is missing of a full copy that was interrupted; None when there is none to go on with."""
        match sweep:
            case {"kind": str(kind), "after": str(after), "base": int(base)} if kind in BY_NAME and feed.reaches(base):
                place = SHARED.index(BY_NAME[kind])
                self.guard.everything()
                makers = [self._whole(shared, base) for shared in SHARED[place + 1 :]]
                return base, [*([self._whole(BY_NAME[kind], base, after)] if after else []), *makers]
        return None

    def _differing(self, here: Fingerprint) -> tuple[int, list[Callable[[], Iterator[Batch]]]]:
        """Return what differs."""
        answer = self._call("sync/buckets", json=self._place() | {"wanted": True}, limit=BUCKETS_LIMIT)
        theirs = {(kind, name): digest for kind, named in answer["buckets"].items() for name, digest in named.items()}
        ours = digest.buckets()
        differing = sorted(bucket for bucket in {*ours, *theirs} if ours.get(bucket) != theirs.get(bucket))
        if self.astray:
            log.warning("copy differs", server=self.server.name, buckets=len(differing), first=differing[:1])
            self.job.note(repaired=True)
            self._note(buckets=len(differing))
        makers = []
        for shared in SHARED:
            names = [name for kind, name in differing if kind == shared.name]
            if len(names) > max(FEW_BUCKETS, len([kind for kind, _ in ours if kind == shared.name]) // 4):
                if shared is feed.USERS:
                    self.guard.everything()
                makers.append(self._whole(shared, here.change))
            elif names:
                pieces = self._pieces(shared, names)
                if shared is feed.USERS:
                    self.guard.buckets(pieces)
                makers.append(self._some(shared, pieces, here.change))
        return here.change, makers

    def _whole(self, shared: Shared, base: int, after: str = "") -> Callable[[], Iterator[Batch]]:
        self._note(total=shared.rows().filter(id__gt=UUID(after)).count() if after else shared.rows().count())
        return lambda: feed.everything(shared, base, after)

    def _some(self, shared: Shared, pieces: list[list[str]], base: int) -> Callable[[], Iterator[Batch]]:
        return lambda: chain.from_iterable(feed.of_buckets(shared, names, len(names), base) for names in pieces)

    def _pieces(self, shared: Shared, names: list[str]) -> list[list[str]]:
        """Return the names of buckets in pieces that have about as many rows as a batch."""
        rows = max(1, shared.rows().count())
        at_once = max(1, min(500, feed.BATCH_ROWS * min(rows, lines.BUCKETS) // rows))
        return [names[start : start + at_once] for start in range(0, len(names), at_once)]

    def _send(self, make: Callable[[], Iterator[Batch]]) -> bool:
        """Send batches, each one while the next is being made; whether the last one's proof was right."""
        equal = False
        for count, data in ahead(lambda: ((batch.count, batches.dumps(batch)) for batch in make())):
            mark = marks.newest()  # after the rows were read: it stands for them
            place = {key: str(value) for key, value in self._place().items()} | {"mark": mark.token.hex}
            answer = self._call("sync/batch", query=place, body=data)
            self._has_told(mark)
            self.step += 1
            self._tally(answer)
            self._note(sent=count, bytes=len(data))
            equal = answer.get("equal") is True
        return equal

    def _place(self) -> dict[str, Any]:
        assert self.turn is not None  # noqa: S101 - it has begun
        return {"turn": self.turn.hex, "step": self.step}

    def _call(self, path: str, **content: Any) -> dict[str, Any]:
        self.job.check()
        return call(self.server, "POST", path, timeout=TIMEOUT_SECONDS, **content).json()

    def _tally(self, answer: dict[str, Any]) -> None:
        counts = {name: int(answer.get(name, 0)) for name in ("added", "changed", "removed")}
        self._note(**counts, mended=sum(counts.values()) if self.astray else 0)

    def _note(self, **more: int) -> None:
        for name, count in more.items():
            self.counts[name] += count
        self.counts["total"] = max(self.counts["total"], self.counts["sent"])
        # Each look of those who watch costs a write to the disk: as often as they look, and once at the end.
        if time.monotonic() - self.noted > NOTE_SECONDS:
            self.noted = time.monotonic()
            self.job.note(**self.counts)


def _fingerprint() -> None:
    try:
        digest.fingerprint()
    finally:
        connections.close_all()


def ahead(make: Callable[[], Iterator[tuple[int, bytes]]]) -> Iterator[tuple[int, bytes]]:
    """Yield what an iterator yields, whose next item is made in another thread while this one is used."""
    with ThreadPoolExecutor(1, "packing") as thread:
        items = thread.submit(make).result()
        try:
            coming = thread.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = thread.submit(next, items, None)
                yield item
        finally:
            thread.submit(connections.close_all).result()
