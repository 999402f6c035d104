"""A claimed row that is being worked on."""

from __future__ import annotations

import time
from threading import Event
from typing import Any, Generic

from posthouse.jobs import leases
from posthouse.jobs.leases import LostLease, W


class Stopping(Exception):
    """This process is asked to end, or this job to let others go first: the work stops here and goes on later."""


class Job(Generic[W]):
    """A claimed row, and whether to go on with it. `check` and `stopped` may be called from any thread."""

    def __init__(self, row: W, stop: Event | None = None, seconds: float = leases.LEASE_SECONDS) -> None:
        self.row = row
        self._stop = stop or Event()
        self._lost = Event()
        self._aside = Event()
        self._seconds = seconds
        self._began = time.monotonic()
        # Taken when the claim was already made, so it is later than the database's: renewals come long before.
        self._deadline = time.monotonic() + seconds

    def check(self) -> None:
        """Raise LostLease or Stopping when the work must not go on. Call it between steps."""
        if self._lost.is_set() or time.monotonic() > self._deadline:
            raise LostLease
        if self._stop.is_set() or self._aside.is_set():
            raise Stopping

    def step_aside(self) -> None:
        """Ask the work to stop at its next check and to be taken up again when its turn comes. From any thread."""
        self._aside.set()

    @property
    def stepping_aside(self) -> bool:
        """Whether it was asked to."""
        return self._aside.is_set()

    @property
    def seconds(self) -> float:
        """For how long it has been running."""
        return time.monotonic() - self._began

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than the work may go on. Raises LostLease or Stopping."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            self._stop.wait(min(left, 1))
        self.check()

    def note(self, **fields: Any) -> None:
        """Write progress into the row. Raises LostLease."""
        self.check()
        leases.note(self.row, **fields)

    def renew(self) -> None:
        """Move the end of the lease on; when it cannot be, the next check says so."""
        asked = time.monotonic()
        if leases.renew(self.row, self._seconds):
            self._deadline = asked + self._seconds
        else:
            self._lost.set()
