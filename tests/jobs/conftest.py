"""Work to do: sync runs stand for any row that a worker may hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from posthouse.cluster.models import Server
from posthouse.jobs import presence, registry
from posthouse.jobs.models import State
from posthouse.sync.models import Run

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tokyo: Server) -> MakeRun:
    """A function that makes a queued row, or one in the state given."""

    def make(state: str = State.QUEUED, **fields: object) -> Run:
        return Run.objects.create(server=tokyo, kind=Run.Kind.MANUAL, state=state, **fields)

    return make


@pytest.fixture
def lease_ran_out() -> Callable[[Run], None]:
    """A function after which the lease of a row has run out."""

    def run_out(run: Run) -> None:
        Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    return run_out


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only what a test registers is done."""
    monkeypatch.setattr(registry, "kinds", {})
    monkeypatch.setattr(registry, "periodics", {})
    monkeypatch.setattr("posthouse.jobs.worker.kinds", registry.kinds)
    monkeypatch.setattr("posthouse.jobs.worker.periodics", registry.periodics)
    yield
    assert not list(presence.folder().glob("*")), "a worker of this test is still there"
