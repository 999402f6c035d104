"""Two workers never both hold a row, and one that was overtaken can write nothing (D12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from posthouse.jobs import leases
from posthouse.jobs.models import State
from posthouse.sync.models import Run
from tests.jobs.conftest import MakeRun

pytestmark = pytest.mark.django_db


def claim(holder: str = "one") -> Run | None:
    return leases.claim(Run.objects.order_by("created_at"), holder)


def in_a_minute(minutes: float = 1) -> object:
    return timezone.now() + timedelta(minutes=minutes)


def test_a_claimed_row_is_active_and_carries_its_holder_and_a_higher_fence(make_run: MakeRun) -> None:
    run = make_run()
    claimed = claim()
    assert claimed is not None
    assert claimed.pk == run.pk
    assert (claimed.state, claimed.lease_holder, claimed.fence, claimed.attempts) == ("active", "one", 1, 1)
    assert timezone.now() + timedelta(seconds=25) < claimed.lease_until < timezone.now() + timedelta(seconds=31)


def test_of_two_claimers_one_wins(make_run: MakeRun) -> None:
    make_run()
    assert claim("one") is not None
    assert claim("two") is None


def test_a_claimer_who_saw_an_older_row_gets_the_next_one(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_run(), make_run()
    seen = leases.claimable

    def overtaken() -> object:
        # Called once for the look and once for the claim: the other worker comes in between.
        monkeypatch.setattr(leases, "claimable", claimed_meanwhile)
        return seen()

    def claimed_meanwhile() -> object:
        monkeypatch.setattr(leases, "claimable", seen)
        assert claim("two").pk == first.pk
        return seen()

    monkeypatch.setattr(leases, "claimable", overtaken)
    assert claim("one").pk == second.pk


@pytest.mark.parametrize(
    ("state", "minutes", "is_due"),
    [
        ("queued", None, True),  # new
        ("queued", 1, False),  # new, but wanted later
        ("deferred", 1, False),  # its time has not come
        ("deferred", -1, True),  # its time has come
        ("held", 1, False),
        ("held", -1, True),  # an administrator may have mended it by now
        ("held", None, False),  # waits until somebody asks
        ("done", -1, False),
        ("failed", -1, False),
    ],
)
def test_only_rows_whose_time_has_come_are_claimed(
    make_run: MakeRun, state: str, minutes: int | None, is_due: bool
) -> None:
    make_run(state, next_try_at=minutes and in_a_minute(minutes))
    assert (claim() is not None) is is_due


def test_a_row_whose_lease_ran_out_goes_to_another_worker(
    make_run: MakeRun, lease_ran_out: Callable[[Run], None]
) -> None:
    make_run()
    frozen = claim("frozen")
    lease_ran_out(frozen)
    taken = claim("two")
    assert (taken.pk, taken.fence, taken.attempts) == (frozen.pk, frozen.fence + 1, 2)


def test_late_writes_of_a_worker_that_was_overtaken_change_nothing(
    make_run: MakeRun, lease_ran_out: Callable[[Run], None]
) -> None:
    make_run()
    frozen = claim("frozen")
    lease_ran_out(frozen)
    claim("two")
    before = Run.objects.values().get()
    assert not leases.renew(frozen)
    assert not leases.finish(frozen)
    assert not leases.fail(frozen, "too late")
    assert not leases.defer(frozen, "too late", in_a_minute())
    assert not leases.hold(frozen, "too late", None)
    assert not leases.release(frozen)
    with pytest.raises(leases.LostLease):
        leases.note(frozen, sent=5)
    assert Run.objects.values().get() == before


def test_a_renewed_lease_lasts_longer(make_run: MakeRun, lease_ran_out: Callable[[Run], None]) -> None:
    make_run()
    run = claim()
    lease_ran_out(run)
    assert leases.renew(run)  # nobody took it meanwhile
    assert claim("two") is None


def test_ends_are_written_once(make_run: MakeRun) -> None:
    make_run()
    run = claim()
    assert leases.finish(run, sent=7)
    assert not leases.finish(run, sent=8)
    stored = Run.objects.get()
    assert (stored.state, stored.sent, stored.lease_holder, stored.lease_until) == ("done", 7, "", None)
    assert stored.ended_at is not None
    assert run.state == "done"


def test_a_deferred_row_says_why_and_when(make_run: MakeRun) -> None:
    make_run()
    run = claim()
    when = in_a_minute()
    assert leases.defer(run, "tokyo does not answer.", when)
    stored = Run.objects.get()
    assert (stored.state, stored.last_error, stored.next_try_at) == ("deferred", "tokyo does not answer.", when)
    assert stored.ended_at is None


def test_a_row_that_is_given_back_counts_no_attempt(make_run: MakeRun) -> None:
    make_run()
    assert leases.release(claim())
    assert (Run.objects.get().state, Run.objects.get().attempts) == ("queued", 0)
    assert claim("two").fence == 2


def test_rows_of_a_dead_worker_are_free_at_once(make_run: MakeRun) -> None:
    make_run()
    make_run()
    dead, living = claim("dead"), claim("living")
    assert leases.take_back(Run, "dead") == 1
    assert claim("two").pk == dead.pk
    assert Run.objects.get(pk=living.pk).lease_holder == "living"
    assert not leases.finish(dead)


def test_a_row_that_kills_its_workers_waits_longer_each_time(make_run: MakeRun) -> None:
    delays = [leases.takeover_delay(attempts).total_seconds() for attempts in (1, 2, 3, 4, 5, 6, 11, 40, 10_000)]
    assert delays == [0, 0, 0, 10, 20, 40, 600, 600, 600]
    make_run(attempts=3)
    claim("dead")
    leases.take_back(Run, "dead")
    assert claim("two") is None


def test_asking_again_frees_rows_that_wait_or_failed_and_leaves_the_others(make_run: MakeRun) -> None:
    for state in State:
        make_run(state, attempts=9, next_try_at=in_a_minute(60))
    assert leases.requeue(Run.objects.all()) == 4
    assert dict(Run.objects.values_list("state", "attempts")) == {"queued": 0, "active": 9, "done": 9}
