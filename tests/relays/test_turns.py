"""What starts next: properties of the choice, for any queue, and its fairness over time."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.relays import turns
from posthouse.relays.turns import LARGE, MEDIUM, SMALL, Head, Running, Way, order

SERVERS = [UUID(int=number) for number in range(1, 5)]
PEOPLE = [UUID(int=number) for number in range(100, 105)]
TOKYO, RIO = SERVERS[:2]
ALICE, BOB, CARLA = PEOPLE[:3]

ids = st.uuids(version=4)
ways = st.lists(
    st.builds(
        Way,
        server=st.sampled_from(SERVERS),
        failures=st.integers(0, 3),
        window=st.integers(1, 8),
        picks=st.integers(0, 50),
        picked=st.floats(0, 100),
    ),
    unique_by=lambda way: way.server,
)
heads = st.lists(
    st.builds(
        Head,
        relay=ids,
        server=st.sampled_from(SERVERS),
        sender=st.sampled_from(PEOPLE),
        size_class=st.integers(0, 2),
        priority=st.integers(-1, 1),
        rank=st.integers(0, 1000),
        again=st.booleans(),
    ),
    max_size=20,
)
running = st.lists(
    st.builds(
        Running,
        relay=ids,
        server=st.sampled_from(SERVERS),
        sender=st.sampled_from(PEOPLE),
        size_class=st.integers(0, 2),
        here=st.booleans(),
        priority=st.integers(-1, 1),
        rank=st.integers(0, 1000),
    ),
    max_size=8,
)
places = st.integers(1, 6)


def start(head: Head) -> Running:
    return Running(head.relay, head.server, head.sender, head.size_class, True, head.priority, head.rank)


@given(ways, heads, running, places)
def test_what_starts_keeps_to_every_limit(
    ways: list[Way], heads: list[Head], running: list[Running], places: int
) -> None:
    known = {way.server: way for way in ways}
    here = [one for one in running if one.here]
    for head in order(ways, heads, running, places):
        way = known[head.server]  # never over a link that may not be used
        over = sum(one.server == head.server for one in running)
        assert over < way.window + (head.size_class == SMALL)
        assert not (way.failures and over), "while a link fails, one tries for all"
        assert len(here) < places
        assert sum(one.server == head.server for one in here) < max(1, places - 1)
        for kind in (MEDIUM, LARGE):
            larger = sum(one.size_class >= kind for one in here) + (head.size_class >= kind)
            assert head.size_class < kind or larger <= max(1, places - kind)


@given(ways, heads, running, places)
def test_one_of_each_link_is_named_and_always_by_priority_first(
    ways: list[Way], heads: list[Head], running: list[Running], places: int
) -> None:
    found = order(ways, heads, running, places)
    assert len({head.server for head in found}) == len(found)
    assert [head.priority for head in found] == sorted(head.priority for head in found)


@given(ways, heads, places)
def test_when_nothing_runs_something_starts(ways: list[Way], heads: list[Head], places: int) -> None:
    usable = {way.server for way in ways}
    waiting = [head for head in heads if head.server in usable]
    assert bool(order(ways, heads, [], places)) is bool(waiting)


@given(ways, heads, running, places)
def test_a_relay_steps_aside_only_for_one_that_then_starts(
    ways: list[Way], heads: list[Head], running: list[Running], places: int
) -> None:
    long = [one for one in running if one.here]
    one = turns.gives_way(ways, heads, running, places, long)
    if one is None:
        return
    assert one in long
    rest = [other for other in running if other.relay != one.relay]
    started = order(ways, [head for head in heads if head.sender != one.sender], rest, places)
    assert started
    assert any(head.priority <= one.priority for head in started)


def head(number: int, server: UUID = TOKYO, sender: UUID = ALICE, size_class: int = SMALL, **more: object) -> Head:
    return Head(UUID(int=1000 + number), server, sender, size_class, **more)  # type: ignore[arg-type]


def test_one_new_for_each_that_is_tried_again() -> None:
    lanes = [head(1, again=True), head(2)]
    chosen = [order([Way(TOKYO, window=9, picks=picks)], lanes, [], 4)[0].again for picks in range(4)]
    assert chosen == [False, True, False, True]


def test_the_link_with_less_to_do_goes_first_and_then_the_one_that_waited_longest() -> None:
    lanes = [head(1, TOKYO), head(2, RIO)]
    both = [Way(TOKYO, window=9, picked=1), Way(RIO, window=9, picked=2)]
    assert [one.server for one in order(both, lanes, [], 4)] == [TOKYO, RIO]
    assert [one.server for one in order(both, lanes, [start(head(9))], 4)] == [RIO, TOKYO]


def test_small_ones_find_a_place_whatever_large_ones_run() -> None:
    large = [head(number, size_class=LARGE) for number in range(9)]
    way = [Way(TOKYO, window=9), Way(RIO, window=9)]
    busy: list[Running] = []
    while starting := order(way, [one for one in large if start(one) not in busy], busy, 4):
        busy.append(start(starting[0]))
    assert len(busy) == 2
    assert order(way, [head(20)], busy, 4), "a letter starts beside films"
    assert order(way, [head(21, size_class=MEDIUM)], busy, 4)


def test_a_film_gives_way_to_another_persons_film_but_not_to_ones_own() -> None:
    way = [Way(TOKYO, window=1)]
    film = Running(UUID(int=1), TOKYO, ALICE, LARGE, rank=500)
    assert turns.gives_way(way, [head(1, sender=BOB, size_class=LARGE, rank=10)], [film], 4, [film]) is film
    assert turns.gives_way(way, [head(1, sender=ALICE, size_class=LARGE, rank=10)], [film], 4, [film]) is None
    later = head(1, sender=BOB, size_class=LARGE, rank=900)
    assert turns.gives_way(way, [later], [film], 4, [film]) is None, "its turn has not come"
    free = head(1, server=RIO, sender=BOB, size_class=LARGE)
    assert turns.gives_way([*way, Way(RIO)], [free], [film], 4, [film]) is None, "there is room for both"


class Lane:
    """One size class of a link, whose relays get ranks as picking.ranks gives them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, int, UUID, int]] = []
        self.count = 0

    def send(self, sender: UUID, size: int) -> None:
        own = [rank + turns.cost(length) for rank, _, who, length in self.waiting if who == sender]
        first = min((rank for rank, *_ in self.waiting), default=0)
        self.count += 1
        self.waiting.append((max([first, *own]), self.count, sender, size))

    def take(self) -> tuple[UUID, int]:
        one = min(self.waiting)
        self.waiting.remove(one)
        return one[2], one[3]


@given(st.integers(2, 30), st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_newcomer_is_never_behind_the_backlog_of_somebody_else(backlog: int, size: int, his: int) -> None:
    lane = Lane()
    for _ in range(backlog):
        lane.send(ALICE, size)
    lane.send(BOB, his)
    assert BOB in {lane.take()[0] for _ in range(2)}


@settings(deadline=None, max_examples=10)
@given(st.lists(st.sampled_from([10**7, 3 * 10**7, 10**8]), min_size=3, max_size=3))
def test_senders_with_a_backlog_share_by_bytes_whatever_they_send(sizes: list[int]) -> None:
    lane = Lane()
    people = dict(zip((ALICE, BOB, CARLA), sizes, strict=True))
    for sender, size in people.items():
        for _ in range(2 * 10**9 // size // 4):
            lane.send(sender, size)
    sent: Counter[UUID] = Counter()
    while sum(sent.values()) < 6 * 10**8:
        sender, size = lane.take()
        sent[sender] += turns.cost(size) * 1024
    assert max(sent.values()) - min(sent[sender] for sender in people) <= 3 * (max(sizes) + 2**21)


def test_size_classes() -> None:
    assert [turns.size_class(size) for size in (0, 64 * 1024**2, 64 * 1024**2 + 1, 4 * 1024**3, 10**13)] == [
        SMALL,
        SMALL,
        MEDIUM,
        MEDIUM,
        LARGE,
    ]
