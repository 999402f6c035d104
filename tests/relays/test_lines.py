"""The streams to one server: how many there are, which one a call goes by, and what becomes of those that break."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from posthouse.cluster.errors import Broken, Failed, NoConnection
from posthouse.cluster.sockets import Facts
from posthouse.cluster.streams import NoAnswer, StreamBroken, TooLong
from posthouse.cluster.transport import Place
from posthouse.relays import adapt, lines
from posthouse.relays.lines import BEGIN, DEPTH, FIRST, LAST_DEPTH, LEAST, WHOLE, Lines
from posthouse.relays.valve import Valve, Valves
from tests.waiting import until

PLACE, OTHER = Place("a.example.com", 443), Place("b.example.com", 443)
TRIP, NEAR_TRIP = 0.01, 0.001


class FakeStream:
    """A connection without a network."""

    def __init__(self, trip: float) -> None:
        self.trip = self.least_trip = trip
        self.load = 0
        self.usable = True
        self.acknowledged = 0
        self.hung_up = False
        self.answer: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.carried: list[str] = []
        self._lock = threading.Lock()

    def facts(self) -> Facts:
        return Facts(self.trip, self.least_trip, self.acknowledged, waiting=False)

    def gone(self) -> bool:
        if self.hung_up and self.load == 0:
            self.usable = False
        return not self.usable

    def close(self) -> None:
        self.usable = False

    def exchange(self, method: str, target: str, *_: Any, body: bytes = b"", **more: Any) -> Any:
        with self._lock:
            self.load += 1
            self.carried.append(target)
        try:
            self.go_on.wait(10)
            if more["gate"] is not None:
                more["gate"](1000)
            if self.answer is not None:
                self.usable = False
                raise self.answer
            return 200, {}, b"{}"
        finally:
            with self._lock:
                self.load -= 1


class Network:
    """Opens streams, and keeps them; may refuse to."""

    def __init__(self) -> None:
        self.opened: list[FakeStream] = []
        self.trip = TRIP
        self.refuse: OSError | None = None
        self.enough = threading.Event()

    def __call__(self, place: Place) -> Any:
        if self.refuse is not None:
            raise self.refuse
        stream = FakeStream(self.trip)
        self.opened.append(stream)
        if len(self.opened) >= adapt.start(self.trip):
            self.enough.set()
        return stream


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def far(network: Network) -> Iterator[Lines]:
    found = Lines("tokyo", network)
    yield found
    found.close()


def call(far: Lines, place: Place = PLACE, target: str = "/x") -> Any:
    return far.send(place, "POST", target, {}, b"", 1.0, 1000)


def settle(far: Lines, network: Network) -> None:
    """Wait until the first streams are open."""
    call(far)
    assert network.enough.wait(10)
    with far._changed:
        assert far._changed.wait_for(lambda: far._opening == 0, 10)


def test_the_first_call_opens_several_streams_at_once(far: Lines, network: Network) -> None:
    settle(far, network)
    assert len(network.opened) == adapt.start(TRIP)
    assert far.calls() == DEPTH * len(network.opened)


@contextmanager
def loaded(far: Lines, network: Network, depth: int) -> Iterator[list[Future[Any]]]:
    """Have more calls than `depth` for each stream, of which so many are under way; they end when this does."""
    for stream in network.opened:
        stream.go_on.clear()
        stream.carried.clear()
    with ThreadPoolExecutor(64) as pool:
        calls = [pool.submit(call, far) for _ in range(depth * len(network.opened) + 1)]
        until(lambda: all(stream.load == depth for stream in network.opened))
        yield calls
        for stream in network.opened:
            stream.go_on.set()
        assert all(one.result().status == 200 for one in calls)


def test_a_call_goes_by_the_stream_that_has_least_to_do(far: Lines, network: Network) -> None:
    settle(far, network)
    with loaded(far, network, DEPTH) as calls:
        assert {len(stream.carried) for stream in network.opened} == {DEPTH}
        assert not any(one.done() for one in calls)


def test_at_the_end_less_is_queued_on_each_stream(far: Lines, network: Network) -> None:
    settle(far, network)
    far._rate = 80e6
    far.stretch(1000)
    with loaded(far, network, LAST_DEPTH):
        assert {stream.load for stream in network.opened} == {LAST_DEPTH}


def test_on_a_line_that_is_full_no_more_streams_are_tried(
    far: Lines, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(far, network)
    for stream in network.opened:
        stream.least_trip = stream.trip / 2
    monkeypatch.setattr(adapt, "interval", lambda _: 0.0)
    monkeypatch.setattr(adapt, "first_look", lambda _: 0.0)
    monkeypatch.setattr(far, "_calls", 100)
    for _ in range(20):
        for stream in network.opened:
            stream.acknowledged += 1_000_000
        far.look()
    assert len(network.opened) == adapt.start(TRIP)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (NoAnswer(), Broken, "took too long"),
        (TooLong(), Failed, "longer than"),
    ],
)
def test_what_breaks_is_told_in_words_and_not_used_again(
    far: Lines, network: Network, answer: Exception, error: type[Exception], words: str
) -> None:
    settle(far, network)
    for stream in network.opened:
        stream.answer = answer
    with pytest.raises(error, match=words):
        call(far)
    for stream in network.opened:
        stream.answer = None
    assert call(far).status == 200
    assert len(far._streams) == len(network.opened) - 1


def test_when_one_stream_breaks_those_that_rest_are_left_too(far: Lines, network: Network) -> None:
    settle(far, network)
    first: Any = list(far._streams)  # in the order that calls take them, which need not be that of opening
    busy = first[0]
    busy.go_on.clear()
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(call, far)
        until(lambda: busy.load == 1)
        for stream in first[1:]:
            stream.answer = StreamBroken("cut")
        with pytest.raises(Broken, match="broke"):
            call(far)
        assert [stream.usable for stream in first] == [True] + [False] * (len(first) - 1)
        busy.go_on.set()
        assert under_way.result().status == 200
    assert call(far).status == 200


def test_where_nobody_answers_the_call_says_so_and_another_address_may_be_tried(far: Lines, network: Network) -> None:
    network.refuse = ConnectionRefusedError(111, "refused")
    with pytest.raises(NoConnection, match="no server runs"):
        call(far)
    network.refuse = None
    assert call(far, OTHER).status == 200
    assert far._place == OTHER


def test_streams_to_another_address_are_left(far: Lines, network: Network) -> None:
    settle(far, network)
    first = list(network.opened)
    assert call(far, OTHER).status == 200
    assert not any(stream.usable for stream in first)


def test_a_stream_that_was_idle_for_long_is_not_used_again(
    far: Lines, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(far, network)
    first = list(network.opened)
    monkeypatch.setattr(lines, "IDLE_SECONDS", -1.0)
    call(far)
    assert not any(stream.usable for stream in first)


def test_a_stream_whose_far_side_hung_up_is_not_used_again(far: Lines, network: Network) -> None:
    settle(far, network)
    for stream in network.opened[:-1]:
        stream.hung_up = True
    last = network.opened[-1]
    last.carried.clear()
    call(far)
    assert last.carried == ["/x"]


def test_what_a_call_carries_follows_the_rate_and_grows_small_at_the_end(far: Lines, network: Network) -> None:
    assert far.calls() == FIRST
    assert far.stretch(1 << 40) == BEGIN
    settle(far, network)
    far._rate = 80e6
    assert far.stretch(1 << 40) == 10_000_000 // LEAST * LEAST
    assert far.stretch(160_000_000) == 5_000_000 // LEAST * LEAST
    assert far.stretch(1000) == 1_500_000 // LEAST * LEAST, "less would cost more than it gains"
    far._rate = 4e6
    assert far.stretch(1000) == LEAST


def test_a_near_line_is_measured_soon_and_from_the_first_part_on(
    far: Lines, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.trip = NEAR_TRIP
    settle(far, network)
    now = [far._looked_at + 5]  # the far side has made room for many files meanwhile
    monkeypatch.setattr(lines.time, "monotonic", lambda: now[0])
    far.begin()
    far.look()
    assert far._rate is None, "the calls before say nothing of the line"
    now[0] += 0.2
    for stream in network.opened:
        stream.acknowledged += 10_000_000
    far.look()
    assert far._rate == pytest.approx(len(network.opened) * 50e6)
    far.begin()
    assert far._rate, "known, from the relay before"


def test_on_a_near_line_parts_are_not_cut_unless_a_bandwidth_is_set(far: Lines, network: Network) -> None:
    valve = Valve()
    far.gate = Valves(valve)
    network.trip = NEAR_TRIP
    settle(far, network)
    far._rate = 160e6
    assert far.stretch(1000) == WHOLE
    valve.set(320e6)
    assert far.stretch(1 << 40) == 20_000_000 // LEAST * LEAST, "what is allowed now, not what was before"
    valve.set(0)
    assert far.stretch(1 << 40) == 10_000_000 // LEAST * LEAST


def test_on_a_far_line_what_a_call_carries_follows_what_goes_by_it(far: Lines, network: Network) -> None:
    valve = Valve()
    far.gate = Valves(valve)
    settle(far, network)
    far._rate = 80e6
    valve.set(800e6)
    assert far.stretch(1 << 40) == 80_000_000 // len(network.opened) // LEAST * LEAST


def test_on_a_near_line_no_more_streams_are_tried(
    far: Lines, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.trip = NEAR_TRIP
    settle(far, network)
    now = [far._looked_at]
    monkeypatch.setattr(lines.time, "monotonic", lambda: now[0])
    for _ in range(5):
        now[0] += 3
        far._calls = 100
        for stream in network.opened:
            stream.acknowledged += 1_000_000
        far.look()
        far._calls = 0
    assert len(network.opened) == len(far._streams) == adapt.start(NEAR_TRIP)


def test_a_look_measures_and_tries_more_streams(far: Lines, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(far, network)
    now = [far._looked_at]
    monkeypatch.setattr(lines.time, "monotonic", lambda: now[0])

    def passes(seconds: float, each: int) -> None:
        now[0] += seconds
        far._calls = 100
        for stream in list(far._streams):
            stream.acknowledged += each  # type: ignore[attr-defined]
        far.look()
        far._calls = 0

    passes(3, 3_000_000)
    assert far._rate == pytest.approx(8e6)
    passes(3, 3_000_000)  # it grows no more by itself
    passes(3, 3_000_000)
    with far._changed:
        assert far._changed.wait_for(lambda: far._opening == 0, 10)
    assert len(far._streams) == 12
    passes(3, 2_000_000)  # the same altogether: they brought nothing
    assert len(far._streams) == 8
    assert sum(stream.usable for stream in network.opened) == 8


def test_a_pause_between_two_relays_is_not_taken_for_a_slow_line(
    far: Lines, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(far, network)
    now = [far._looked_at]
    monkeypatch.setattr(lines.time, "monotonic", lambda: now[0])
    now[0] += 3
    far.look()
    assert far._rate == 0
    now[0] += 10
    call(far)
    assert far._rate is None
    assert far._looked_at == now[0]


def test_time_at_the_gate_is_noted(network: Network) -> None:
    class Slow(Valve):
        def take(self, size: int) -> None:
            passed.append(size)

    passed: list[int] = []
    far = Lines("tokyo", network, gate=Valves(Slow()))
    call(far)
    assert passed == [1000]
    assert far._held > 0
    far.close()
