"""Finding events. However many there are, no question looks at more than some hundred thousand of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from posthouse.audit.models import Event

SCAN = 100_000
"""Events that a search for text looks at in one go; the next page goes on behind them."""
MOST_ACTIONS = 200
_ACTIONS = """
    WITH RECURSIVE found (action) AS (
        SELECT MIN(action) FROM audit_event
        UNION ALL
        SELECT (SELECT MIN(action) FROM audit_event WHERE action > found.action) FROM found WHERE action IS NOT NULL
    )
    SELECT action FROM found WHERE action IS NOT NULL LIMIT %s
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Wish:
    """What is looked for; empty parts find everything."""

    text: str = ""
    """Is in the sentence."""
    person: str = ""
    """Is in the name of who did it."""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    account: UUID | None = None
    """Who did it, or to what it was done."""


@dataclass(frozen=True)
class Cursor:
    """A place in the log: what comes behind it is older."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Return the place that a text stands for, or None."""
        moment, _, key = text.partition("-")
        try:
            return cls(EPOCH + timedelta(microseconds=int(moment)), UUID(hex=key))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class Found:
    """Events, newest first, and where to go on."""

    events: list[Event]
    behind: Cursor | None
    """Where older ones begin; None when there are none."""
    searched_to: datetime | None = None
    """How far back was looked, when there may be more behind it than was looked at."""


def find(wish: Wish, behind: Cursor | None, size: int) -> Found:
    """Return a page of the events that are looked for, newest first, from a place on."""
    if wish.account is not None:
        own = [
            _page(_all(wish, behind).filter(**{field: wish.account}), wish, size)
            for field in ("actor_id", "subject_id")
        ]
        both = merge(*own, key=_place, reverse=True)
        events = [next(same) for _, same in groupby(both, key=_place)]
        return _cut(events, size)
    if not (wish.text or wish.person):
        return _cut(_page(_all(wish, behind), wish, size), size)
    edge = _all(wish, behind).values_list("at", "id")[SCAN : SCAN + 1].first()
    if edge is None:
        return _cut(_page(_all(wish, behind), wish, size), size)
    reach = Cursor(*edge)
    events = _page(_all(wish, behind).filter(at__gte=reach.at).exclude(at=reach.at, id__lte=reach.id), wish, size)
    if len(events) > size:
        return _cut(events, size)
    return Found(events, Cursor(reach.at, UUID(int=min(reach.id.int + 1, 2**128 - 1))), reach.at)


def actions() -> list[str]:
    """Return the actions that occur. Each is found by the index, from one to the next: many events cost no more."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS, [MOST_ACTIONS])
        return [action for (action,) in cursor.fetchall()]


def _all(wish: Wish, behind: Cursor | None) -> QuerySet[Event]:
    """Return the events of the time and the action that are looked for, newest first."""
    events = Event.objects.order_by("-at", "-id")
    if wish.action:
        events = events.filter(action=wish.action)
    if wish.since is not None:
        events = events.filter(at__gte=wish.since)
    if wish.until is not None:
        events = events.filter(at__lt=wish.until)
    if behind is not None:
        events = events.filter(Q(at__lt=behind.at) | Q(id__lt=behind.id), at__lte=behind.at)
    return events


def _page(events: QuerySet[Event], wish: Wish, size: int) -> list[Event]:
    """Return those with the words that are looked for; one more than is shown tells whether there are others."""
    if wish.text:
        events = events.filter(text__icontains=wish.text)
    if wish.person:
        events = events.filter(actor__icontains=wish.person)
    return list(events[: size + 1])


def _cut(events: list[Event], size: int) -> Found:
    shown = events[:size]
    return Found(shown, Cursor(shown[-1].at, shown[-1].pk) if len(events) > size else None)


def _place(event: Event) -> tuple[datetime, UUID]:
    return event.at, event.pk
