"""Which relay starts next. Pure: links, heads of the queue, and what runs are arguments.

The queue of a link has lanes: one for each size class of new relays, and one for each size class of those that are
tried again. Only the head of each lane is looked at, so the choice costs the same however many stand behind.

Within a lane the head is the one with the lowest rank. Ranks are given so that senders take turns, byte by byte: a new
relay ranks with the head of its lane, or behind the sender's last one there by the bytes of that (start-time fair
queueing, Goyal 1996). Who has much to send stands behind himself, not before the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

KIB = 1024
OVERHEAD = 1024
"""KiB that a relay costs beside its bytes."""
LIMITS = (64 * 1024**2, 4 * 1024**3)
"""Up to so many bytes a relay is small, or medium; larger ones are large."""
SMALL, MEDIUM, LARGE = range(3)
WINDOW_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Way:
    """A link that may be used now, as far as its back-off is concerned."""

    server: UUID
    failures: int = 0
    window: int = 1
    picks: int = 0
    picked: float = 0.0
    """When a relay was last started, in seconds of any clock."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first relay of a lane."""

    relay: UUID
    server: UUID
    sender: UUID
    size_class: int
    fence: int = 0
    priority: int = 0
    rank: int = 0
    again: bool = False
    """It was tried before; its pause is over."""


@dataclass(frozen=True, slots=True)
class Running:
    """A relay that runs, at this worker (`here`) or at another one."""

    relay: UUID
    server: UUID
    sender: UUID
    size_class: int
    here: bool = True
    priority: int = 0
    rank: int = 0
    """Its rank if it stopped now."""


def size_class(size: int) -> int:
    """Return the class of a relay of so many bytes."""
    return sum(size > limit for limit in LIMITS)


def cost(size: int) -> int:
    """Return by how much a relay of so many bytes sets the sender's next one back."""
    return size // KIB + OVERHEAD


def room(kind: int, places: int) -> int:
    """Return how many relays of this class or a larger one a worker runs at once: some places are kept for smaller."""
    return max(1, places - kind)


def order(ways: Sequence[Way], heads: Iterable[Head], running: Sequence[Running], places: int) -> list[Head]:
    """Return the relays that a worker with so many places may start now: the best of each link, best first."""
    here = [one for one in running if one.here]
    if len(here) >= places:
        return []
    known = {way.server: way for way in ways}
    best: dict[UUID, Head] = {}
    for head in heads:
        way = known.get(head.server)
        if way is None or not _may_start(head, way, running, here, places):
            continue
        if head.server not in best or _merit(head, way) < _merit(best[head.server], way):
            best[head.server] = head
    busy = {server: sum(one.server == server for one in running) for server in best}
    return sorted(
        best.values(),
        key=lambda head: (head.priority, busy[head.server], known[head.server].picked, str(head.server)),
    )


def gives_way(
    ways: Sequence[Way], heads: Sequence[Head], running: Sequence[Running], places: int, long: Iterable[Running]
) -> Running | None:
    """Return which of the relays that have run for `long` here lets somebody else's relay go first; None if none.

    Only for one that could start in its place, comes before it in the order, and cannot start otherwise.
    """
    starting = {head.relay for head in order(ways, heads, running, places)}
    waiting = [head for head in heads if head.relay not in starting]
    for one in sorted(long, key=lambda one: (-one.priority, -one.rank)):
        rest = [other for other in running if other.relay != one.relay]
        rivals = [
            head
            for head in waiting
            if head.sender != one.sender and (head.priority, head.rank) < (one.priority, _rank_among(one, head))
        ]
        if order(ways, rivals, rest, places) and not order(ways, rivals, running, places):
            return one
    return None


def opened(way: Way) -> Way:
    """Return the link after a relay over it succeeded."""
    return replace(way, failures=0, window=min(way.window + 1, WINDOW_LIMIT))


def _rank_among(one: Running, head: Head) -> float:
    """Ranks are of one lane. A smaller relay always goes before a larger one that had its turn, and never behind."""
    if head.server != one.server or head.size_class < one.size_class:
        return float("inf")
    return one.rank if head.size_class == one.size_class else float("-inf")


def _may_start(head: Head, way: Way, running: Sequence[Running], here: Sequence[Running], places: int) -> bool:
    over = sum(one.server == head.server for one in running)
    # While a link fails, one tries for all.
    if over >= (1 if way.failures else way.window + (head.size_class == SMALL)):
        return False
    # One place is left for the other servers: hours of relays to one never delay those to the next.
    if sum(one.server == head.server for one in here) >= max(1, places - 1):
        return False
    return all(sum(one.size_class >= kind for one in here) < room(kind, places) for kind in range(head.size_class + 1))


def _merit(head: Head, way: Way) -> tuple[int, bool, int, int]:
    """Order the heads of one link: by priority; one new for each that is tried again; small ones first, as a rule."""
    again_first = way.picks % 2 == 1
    large_first = way.picks // 2 % 4 == 3
    kind = -head.size_class if large_first else head.size_class
    return head.priority, head.again is not again_first, kind, head.rank
