"""The arithmetic of the bandwidth, by a clock of its own; and once with real sockets."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.relays import chart, rate
from posthouse.relays.chart import Sample
from posthouse.relays.rate import MBIT, Bucket, Claim, Plan, fair, grant
from posthouse.relays.valve import LIMITED_STEP, Paused, Valve, Valves


class Clock:
    """Time that passes only when somebody sleeps; each sleep is a little too long, as real ones are."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + 0.0007


@pytest.mark.parametrize("mbit", [0.1, 1, 10, 100, 1000])
def test_any_ten_seconds_hold_the_rate_within_three_percent(mbit: float) -> None:
    clock = Clock()
    valve = Valve(clock, clock.sleep)
    valve.set(mbit * MBIT)
    steps = valve.step
    assert 4096 <= steps <= LIMITED_STEP
    passed = []
    end = clock.now + 12
    while clock.now < end:
        valve.take(steps)
        passed.append(clock.now)
    for first in (1000.0, 1000.9, 1001.7):
        sent = steps * sum(first <= at < first + 10 for at in passed)
        assert sent == pytest.approx(mbit * MBIT * 10, rel=0.03, abs=steps)


def test_a_pause_of_the_sender_is_not_made_up_for() -> None:
    bucket = Bucket(1_000_000)
    bucket.take(0, 1000)
    sent, now = 0, 100.0
    while bucket.wait(now) == 0:
        bucket.take(now, 1000)
        sent += 1000
    assert sent <= 1_000_000 * rate.BURST_SECONDS + 1000


def test_a_new_rate_holds_at_once() -> None:
    bucket = Bucket(1000)
    bucket.take(0, 5000)
    assert bucket.wait(0) == 5
    bucket.set(1_000_000, 0)
    assert bucket.wait(0) < 0.006
    bucket.set(None, 0)
    assert bucket.wait(0) == 0
    bucket.set(0, 0)
    assert bucket.wait(0) == float("inf")


def test_nothing_passes_a_valve_that_is_shut() -> None:
    clock = Clock()
    valve = Valve(clock, clock.sleep)
    valve.set(0)
    with pytest.raises(Paused, match="pause at this hour"):
        valve.take(1)


def test_valves_in_a_row_hold_the_narrowest_rate() -> None:
    clock = Clock()
    narrow, wide = Valve(clock, clock.sleep), Valve(clock, clock.sleep)
    gate = Valves(narrow, wide)
    assert gate.step > LIMITED_STEP
    assert gate.rate is None
    wide.set(100 * MBIT)
    assert gate.rate == 100 * MBIT
    narrow.set(10 * MBIT)
    assert gate.rate == 10 * MBIT
    assert gate.step == 62_500
    while clock.now < 1010:
        gate(LIMITED_STEP)
    assert wide.passed == pytest.approx(100 * MBIT, rel=0.03)


def test_the_plan_knows_the_hours_of_the_week() -> None:
    plan = Plan(100.0, 5.0, frozenset({0, 8, 6 * 24 + 23}))
    assert plan.at(datetime(2026, 11, 23, 0, 59, tzinfo=UTC)) == 5  # a Monday
    assert plan.at(datetime(2026, 11, 23, 1, 0, tzinfo=UTC)) == 100
    assert plan.at(datetime(2026, 11, 23, 8, 30, tzinfo=UTC)) == 5
    assert plan.at(datetime(2026, 11, 29, 23, 59, tzinfo=UTC)) == 5
    assert plan.at(datetime(2026, 11, 24, 8, 30, tzinfo=UTC)) == 100


@pytest.mark.parametrize(
    ("wants", "shares"),
    [
        ([None], [90]),  # alone: all of it
        ([None, None, None], [30, 30, 30]),
        ([10, None], [10, 80]),  # what one does not want, the other gets
        ([10, 20, None], [10, 20, 60]),
        ([60, None, None], [30, 30, 30]),  # nobody gets more than what is fair while others want it
        ([10, 20], [40, 50]),  # what nobody wants lies ready
    ],
)
def test_a_limit_is_divided_fairly(wants: list[float | None], shares: list[float]) -> None:
    assert fair(90, wants) == shares


@given(
    limit=st.floats(1, 1e9),
    wants=st.lists(st.one_of(st.none(), st.floats(0, 1e9)), min_size=1, max_size=6),
    order=st.lists(st.integers(0, 5), max_size=60),
)
def test_shares_never_come_to_more_than_the_limit_whoever_asks_when(
    limit: float, wants: list[float | None], order: list[int]
) -> None:
    shares: dict[int, float] = {}
    for index in [*order, *list(range(len(wants))) * 3]:
        if index < len(wants):
            others = [Claim(share, wants[other]) for other, share in shares.items() if other != index]
            shares[index] = grant(limit, wants[index], others)
            assert sum(shares.values()) <= limit * 1.000001
    assert sum(shares.values()) == pytest.approx(limit, rel=0.01)


def heights(points: str) -> list[float]:
    """Return the heights above the lower edge, the oldest second first."""
    return [round(1 - float(point.split(",")[1]) / chart.HEIGHT, 3) for point in points.split()]


def test_the_chart_adds_workers_up_and_knows_the_limit() -> None:
    noted = [(0.5, 1), (1.2, 5), (1.4, 5), (2.5, 10), (4.1, 10)]
    drawn = chart.draw([Sample(ago, mbit * MBIT, 20 * MBIT) for ago, mbit in noted], 20 * MBIT)
    assert drawn.now == 10.0
    assert drawn.top == 22.0
    assert set(heights(drawn.limit)) == {round(20 / 22, 3)}
    assert len(drawn.points.split()) == chart.SECONDS
    assert chart.draw([], None).limit == ""


def test_the_chart_shows_the_limit_that_was_set_then() -> None:
    noted: list[tuple[float, float | None]] = [(1.5, 100), (30.5, 100), (31.5, 10), (60.5, 10), (61.5, None)]
    drawn = chart.draw([Sample(ago, 0, mbit and mbit * MBIT) for ago, mbit in noted], 100 * MBIT)
    limits = heights(drawn.limit)
    assert limits[-30:] == [0.909] * 30
    assert limits[-60:-30] == [0.091] * 30
    assert min(limits[:-60]) > 1, "no limit: above the picture"


def test_the_rate_holds_over_real_sockets_and_several_threads() -> None:
    """Loosely: the exact proof is the benchmark relay-rate."""
    mbit, seconds, streams = 80, 2.0, 4
    valve = Valve()
    valve.set(mbit * MBIT)
    gate = Valves(Valve(), valve)
    received = [0] * streams
    pairs = [socket.socketpair() for _ in range(streams)]
    end = time.monotonic() + seconds

    def send(number: int) -> None:
        with pairs[number][0] as out:
            while time.monotonic() < end:
                gate(LIMITED_STEP)
                out.sendall(bytes(LIMITED_STEP))

    def receive(number: int) -> None:
        with pairs[number][1] as source:
            while data := source.recv(1 << 20):
                received[number] += len(data)

    readers = [threading.Thread(target=receive, args=[number]) for number in range(streams)]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    with ThreadPoolExecutor(streams) as pool:
        list(pool.map(send, range(streams)))
    elapsed = time.monotonic() - began
    for reader in readers:
        reader.join()
    most = mbit * MBIT * (elapsed + rate.BURST_SECONDS) + streams * LIMITED_STEP
    assert most * 0.3 < sum(received) <= most * 1.01
    assert min(received) > 0
