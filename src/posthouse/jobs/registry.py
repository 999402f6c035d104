"""What the worker does: the kinds of durable work, and what is done from time to time.

Apps register theirs in AppConfig.ready, so that nothing here knows about them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from django.db.models import QuerySet

from posthouse.jobs.job import Job
from posthouse.jobs.leases import W


@dataclass(frozen=True)
class Kind(Generic[W]):
    """A kind of durable work.

    `due` gives the rows to choose from, in the order of choice; which of them may be claimed is added to it.
    `claim`, where an order is not enough, chooses and claims a row for a holder by itself (with leases.take).
    `tend` is given the jobs of this kind that run here, at each look; it may ask one to step aside.
    `run` does the work of one claimed row. It calls `job.check()` between its steps, and may end the row by itself
    (with posthouse.jobs.leases, in a transaction of its own); a row that it leaves active when it returns is done.
    An exception that it lets out is a fault of ours: the row is deferred, and the fault is logged.
    """

    name: str
    due: Callable[[], QuerySet[W]]
    run: Callable[[Job[W]], None]
    concurrency: int = 1
    claim: Callable[[str], W | None] | None = None
    tend: Callable[[Sequence[Job[W]]], object] | None = None


@dataclass(frozen=True)
class Periodic:
    """Something done from time to time by every worker process: it must do no harm when two do it at once."""

    name: str
    seconds: float
    run: Callable[[], object]


kinds: dict[str, Kind[Any]] = {}
periodics: dict[str, Periodic] = {}


def register(kind: Kind[Any]) -> None:
    """Have the worker do this kind of work."""
    kinds[kind.name] = kind


def register_periodic(name: str, seconds: float, run: Callable[[], object]) -> None:
    """Have the worker call `run` when it starts, and again each `seconds` (infinity: never) after it returned."""
    periodics[name] = Periodic(name, seconds, run)
