"""Which relay a worker claims, from the rows: by link, lane, sender and priority; each once, however many claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Lock, Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from posthouse.packages.models import Package
from posthouse.relays import links, picking, queue, turns
from posthouse.relays.models import Link, Relay

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[..., Relay]
GB = 1000**3


@pytest.fixture
def send(paris: Server, tokyo: Server, alice: User) -> Send:
    """Queue a relay, as closing a package does."""

    def make(size: int = 1000, sender: User = alice, to: Server = tokyo, **fields: Any) -> Relay:
        package = Package.objects.create(title="Rushes", sender=sender, origin=paris, size=size, status="relaying")
        queue.add(package, [to.pk])
        relay = Relay.objects.get(package=package)
        if fields:
            Relay.objects.filter(pk=relay.pk).update(**fields)
        return relay

    return make


def claim(holder: str = "one") -> Relay:
    row = picking.claim(holder)
    assert row is not None
    return row


def claim_all() -> list[Relay]:
    """Claim and finish one relay after the other, until none is left."""
    rows = []
    while (row := picking.claim("one")) is not None:
        rows.append(row)
        leases.finish(row)
    return rows


def test_a_new_relay_to_a_live_server_starts_at_once_though_a_thousand_wait_for_a_dead_one(
    send: Send, rio: Server, alice: User
) -> None:
    send()
    dead = Relay.objects.get()
    later = timezone.now() + timedelta(minutes=9)
    Relay.objects.bulk_create(
        Relay(
            package=Package(id=package.pk),
            destination=dead.destination,
            sender=alice,
            state=State.DEFERRED,
            next_try_at=later,
        )
        for package in Package.objects.bulk_create(
            Package(title="x", sender=alice, origin_id=alice.home_id) for _ in range(1000)
        )
    )
    Link.objects.update(failures=3, next_try_at=later)
    live = send(to=rio)
    assert claim().pk == live.pk
    assert picking.claim("one") is None


def test_senders_take_turns_and_one_persons_films_do_not_hold_up_anothers(send: Send, alice: User, bob: User) -> None:
    for _ in range(4):
        send(10 * GB, alice)
    send(10 * GB, bob)
    assert [row.sender.login for row in claim_all()] == ["alice", "bob", "alice", "alice", "alice"]


def test_letters_overtake_films_even_ones_own(send: Send) -> None:
    films = [send(10 * GB) for _ in range(5)]
    letter = send(1000)
    started = []
    while (row := picking.claim("one")) is not None:
        started.append(row.pk)
    assert letter.pk in started
    assert len({film.pk for film in films} & set(started)) == 1, "films take some places, not all"


def test_what_an_administrator_puts_first_goes_first(send: Send) -> None:
    first, second = send(), send()
    Relay.objects.filter(pk=second.pk).update(priority=-1)
    assert [row.pk for row in claim_all()] == [second.pk, first.pk]


def test_new_ones_and_those_tried_again_take_turns(send: Send) -> None:
    past = timezone.now() - timedelta(seconds=5)
    for _ in range(3):
        send(state=State.DEFERRED, next_try_at=past, attempts=2)
    for _ in range(3):
        send()
    assert [row.attempts for row in claim_all()] == [1, 3] * 3


def test_a_link_bears_more_with_each_success_and_less_after_trouble(
    send: Send, tokyo: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings.POSTHOUSE, "relay_workers", 9)
    for _ in range(12):
        send(GB)
    first, second = claim(), claim()
    assert picking.claim("two") is None, "it starts low, for all workers together"
    queue.finish(first)
    assert Link.objects.get().window == 3
    assert claim("two")
    assert claim("two")
    assert picking.claim("two") is None
    links.failed(tokyo.pk, "Nothing answers.", began=second.started_at)
    assert Link.objects.get().window == 2


def test_of_attempts_that_fail_together_one_counts(send: Send, tokyo: Server) -> None:
    rows = [send(GB), send(GB)]
    rows = [claim(), claim()]
    whens = {links.failed(tokyo.pk, "Nothing answers.", began=row.started_at) for row in rows}
    assert Link.objects.get().failures == 1
    assert len(whens) == 1


def test_while_a_link_fails_one_worker_tries(send: Send, tokyo: Server) -> None:
    for _ in range(3):
        send()
    links.failed(tokyo.pk, "Nothing answers.")
    assert picking.claim("one") is None
    Link.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert claim("one")
    assert picking.claim("two") is None


def test_a_lease_that_ran_out_is_taken_over_and_the_late_one_is_refused(send: Send) -> None:
    send()
    row = claim("one")
    Relay.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    other = claim("two")
    assert (other.pk, other.fence) == (row.pk, row.fence + 1)
    with pytest.raises(leases.LostLease):
        leases.note(row, done=1)


def test_two_workers_claim_each_of_200_once(send: Send, rio: Server, alice: User, bob: User) -> None:
    for number in range(200):
        send(1000, (alice, bob)[number % 2], Server.objects.get(name=("tokyo", "rio")[number % 3 == 0]))
    claimed: Counter[object] = Counter()
    lock = Lock()

    def work(holder: str) -> None:
        idle = 0
        while idle < 20:
            row = picking.claim(holder)
            if row is None:
                idle += 1
                continue
            idle = 0
            with lock:
                claimed[row.pk] += 1
            assert leases.finish(row)
        connections.close_all()

    threads = [Thread(target=work, args=[name]) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 200
    assert set(claimed.values()) == {1}


def test_a_claim_costs_the_same_number_of_queries_however_long_the_queue(send: Send) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            row = claim()
        leases.finish(row)
        return len(captured)

    for _ in range(3):
        send()
    few = queries()
    for _ in range(60):
        send()
    assert queries() == few


def test_where_nothing_waits_a_look_costs_two_queries_whatever_was_sent_before(send: Send) -> None:
    for _ in range(3):
        send()
    claim_all()
    running = send()
    assert claim().pk == running.pk
    with CaptureQueriesContext(connection) as captured:
        assert picking.claim("one") is None
    assert len(captured) == 2


def test_a_film_steps_aside_after_its_turn_and_goes_on_after_the_other(send: Send, alice: User, bob: User) -> None:
    mine = [send(10 * GB, alice), send(10 * GB, alice)]
    jobs = [Job(claim()), Job(claim())]
    assert {job.row.pk for job in jobs} == {one.pk for one in mine}
    his = send(10 * GB, bob)
    picking.tend(jobs)
    assert not any(job.stepping_aside for job in jobs), "they have just begun"
    for job in jobs:
        job._began -= picking.TURN_SECONDS
        leases.note(job.row, done=2 * GB)
    picking.tend(jobs)
    (aside,) = (job for job in jobs if job.stepping_aside)
    leases.release(aside.row)
    assert claim().pk == his.pk
    assert Relay.objects.get(pk=aside.row.pk).rank >= 2 * GB // 1024
    assert Relay.objects.get(pk=aside.row.pk).done == 2 * GB


def test_ranks_start_anew_when_a_lane_is_empty(send: Send) -> None:
    for _ in range(3):
        send(10 * GB)
    assert Relay.objects.order_by("-rank").values_list("rank", flat=True)[0] == 2 * turns.cost(10 * GB)
    claim_all()
    assert send(10 * GB).rank == 0
