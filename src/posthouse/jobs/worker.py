"""The worker: claims rows that are due and runs them in threads, until it is told to stop.

It looks for work when it starts, each second, when it is woken, and when one of its own jobs ends.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import Any

import structlog
from django.db import Error as DatabaseTrouble
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from posthouse.jobs import leases, presence
from posthouse.jobs.job import Job, Stopping
from posthouse.jobs.leases import LostLease
from posthouse.jobs.models import State, Work
from posthouse.jobs.presence import Presence
from posthouse.jobs.registry import Kind, Periodic, kinds, periodics, register, register_periodic

__all__ = ["Kind", "Worker", "register", "register_periodic", "run"]

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0
GRACE_SECONDS = 20.0

log = structlog.get_logger("posthouse.jobs")


def run(stop: Event) -> bool:
    """Work until `stop` is set, then let the jobs that run give their leases back; False when some did not in time."""
    here = Presence()
    clean = Worker(here, stop).run()
    if clean:
        here.close()
    # Else the lock stays until the process ends, and then tells the next worker to take over what hangs here.
    return clean


class Worker:
    """One process's share of the work."""

    def __init__(self, here: Presence, stop: Event) -> None:
        self.here = here
        self.stop = stop
        self._running: dict[int, tuple[Kind[Any], Job[Any]]] = {}
        self._lock = Lock()
        self._pools = {kind.name: ThreadPoolExecutor(kind.concurrency, f"{kind.name}-job") for kind in kinds.values()}
        self._taken = dict.fromkeys(kinds, 0)
        self._futures: set[Future[None]] = set()
        self._unwritten: list[Work] = []
        """What ended while the database did not answer, and how it ended is not known there."""
        self._next_round = dict.fromkeys(periodics, 0.0)
        self._rounds = ThreadPoolExecutor(1, "periodic")

    def run(self) -> bool:
        """Look for work and do it until `stop` is set; False when jobs were still running after the grace."""
        log.info("worker started", holder=self.here.holder, kinds=sorted(kinds))
        heart = Thread(target=self._beat, name="heartbeat", daemon=True)
        heart.start()
        while not self.stop.is_set():
            self.tick()
            self.here.wait(TICK_SECONDS)
        log.info("worker stops", running=len(self._running))
        unfinished = wait(set(self._futures), timeout=GRACE_SECONDS).not_done
        for pool in (*self._pools.values(), self._rounds):
            pool.shutdown(wait=False, cancel_futures=True)
        close_old_connections()
        if unfinished:
            log.warning("jobs did not stop in time", running=len(unfinished))
        else:
            heart.join(2 * TICK_SECONDS)
        return not unfinished

    def tick(self) -> int:
        """Start every job that is due and for which there is room; return how many were started."""
        started = 0
        self._start_periodics()
        try:
            self.bury_the_dead()
            self._put_back()
            for kind in kinds.values():
                while self._taken[kind.name] < kind.concurrency and not self.stop.is_set():
                    holder = self.here.holder
                    row = kind.claim(holder) if kind.claim else leases.claim(kind.due(), holder)
                    if row is None:
                        break
                    self._start(kind, row)
                    started += 1
                if kind.tend:
                    with self._lock:
                        jobs = [job for its, job in self._running.values() if its is kind]
                    kind.tend(jobs)
        except DatabaseTrouble:
            log.exception("the database does not answer")  # the next tick tries again
        finally:
            close_old_connections()
        return started

    def bury_the_dead(self) -> None:
        """Take back the leases of workers of this node that died, so that nobody waits for them to run out."""
        models = {kind.due().model for kind in kinds.values()}
        for holder in presence.bury(lambda holder: [leases.take_back(model, holder) for model in models]):
            log.warning("took back the leases of a dead worker", dead=holder)

    def _put_back(self) -> None:
        """Have done again at once what ended unwritten; else all would wait for its lease to run out."""
        with self._lock:
            rows, self._unwritten = self._unwritten, []
        try:
            while rows:
                leases.put_back(rows[-1])
                rows.pop()
        finally:
            with self._lock:
                self._unwritten += rows

    def _start(self, kind: Kind[Any], row: Work) -> None:
        job = Job(row, self.stop)
        with self._lock:
            self._running[id(job)] = (kind, job)
            self._taken[kind.name] += 1
        self._keep(self._pools[kind.name].submit(self._do, kind, job))

    def _keep(self, future: Future[None]) -> None:
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)

    def _do(self, kind: Kind[Any], job: Job[Any]) -> None:
        written = False
        try:
            written = perform(kind, job)
        finally:
            with self._lock:
                if not written:
                    self._unwritten.append(job.row)
                del self._running[id(job)]
                self._taken[kind.name] -= 1
            close_old_connections()  # threads of a pool live on: each would keep its connection open
            presence.wake()  # there is room again

    def _beat(self) -> None:
        while not self.stop.wait(HEARTBEAT_SECONDS) or self._running:
            with self._lock:
                running = list(self._running.values())
            try:
                for _, job in running:
                    job.renew()
            except DatabaseTrouble:
                log.exception("leases could not be renewed")  # jobs stop by themselves when their time has run out
            finally:
                close_old_connections()
            if self.stop.is_set():
                time.sleep(0.5)

    def _start_periodics(self) -> None:
        for periodic in periodics.values():
            if time.monotonic() >= self._next_round[periodic.name]:
                self._next_round[periodic.name] = float("inf")  # until it has returned
                self._keep(self._rounds.submit(self._round, periodic))

    def _round(self, periodic: Periodic) -> None:
        try:
            periodic.run()
        except Exception:
            log.exception("periodic work failed", periodic=periodic.name)
        finally:
            self._next_round[periodic.name] = time.monotonic() + periodic.seconds
            close_old_connections()


def perform(kind: Kind[Any], job: Job[Any]) -> bool:
    """Run one job and end its row accordingly; log one line about it. Lets no exception out.

    Return False when the end is not written, for the database did not answer.
    """
    began = time.monotonic()
    row = job.row
    try:
        try:
            kind.run(job)
            leases.finish(row)  # nothing happens when it ended the row by itself
            state = type(row)._default_manager.filter(pk=row.pk).values_list("state", flat=True).first()
            result = state or "removed"
        except Stopping:
            leases.release(row)
            result = "given back"
        except LostLease:
            result = "lost"
        except (OperationalError, InterfaceError):
            # Nothing is wrong with the job: the database was restarted, or locked, or has no room.
            log.exception("the database failed a job", kind=kind.name, id=str(row.pk), attempt=row.attempts)
            return False
        except Exception:
            # A fault of ours must neither end the worker nor come back at once, for ever.
            log.exception("job broke", kind=kind.name, id=str(row.pk), attempt=row.attempts)
            pause = min(timedelta(minutes=2 ** min(row.attempts, 10)), timedelta(hours=1))
            leases.defer(row, "Something went wrong inside this server; its log says what.", timezone.now() + pause)
            result = State.DEFERRED.value
    except DatabaseTrouble:
        log.exception("the end of a job could not be written", kind=kind.name, id=str(row.pk))
        return False
    log.info(
        "job",
        kind=kind.name,
        id=str(row.pk),
        attempt=row.attempts,
        result=str(result),
        seconds=round(time.monotonic() - began, 3),
    )
    return True
