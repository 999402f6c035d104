"""Placing people: at once, in bulk, inside the transaction that changed them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from posthouse.accounts import signals as accounts
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster import signals as cluster
from posthouse.cluster.models import Server
from posthouse.homes import facts, ruleset
from posthouse.homes.engine import Decision
from posthouse.homes.facts import Row
from posthouse.homes.models import Default, Placement

PIECE = 1_000
"""People who are read and written together."""

Decided = tuple[Row, Decision]


def place(ids: Collection[UUID], by: str = "") -> int:
    """Place people by the rules in force, except whoever was placed by hand, and return how many have moved.

    Call it in the transaction that changed them. `by` names who chose a home server by hand.
    """
    if servers.this().role == Server.Role.SLAVE:
        return 0  # the master decides, and the sync brings it
    moved, now = 0, timezone.now()
    with transaction.atomic():
        take_turns()
        engine = ruleset.in_force().people
        for piece in _pieces(ids):
            rows = facts.rows(facts.placeable().filter(pk__in=piece), engine)
            _note_by_hand([row for row in rows if row.by_hand], by, now)
            moved += write([(row, engine.decide(row.person)) for row in rows if not row.by_hand], now)
    return moved


def take_turns() -> None:
    """Wait until nobody else is changing people, and have others wait until this transaction ends.

    SQLite has one writer anyhow. On PostgreSQL the triggers of the sync lock their counter before each UPDATE of
    people, also of one that meets no row: so whoever has that lock reads what nobody is about to change, and two who
    write the same people cannot wait for one another.
    """
    User.objects.filter(pk=UUID(int=0)).update(is_active=False)


def write(decided: Iterable[Decided], now: datetime) -> int:
    """Write where people belong, and why; return how many have moved. Whoever nobody decides for stays."""
    movers: dict[UUID, list[UUID]] = defaultdict(list)
    placements = []
    for row, decision in decided:
        home = decision.home or row.home
        if decision.home and decision.home != row.home:
            movers[decision.home].append(row.id)
        kind = Placement.Kind.RULE if decision.rule else Placement.Kind.DEFAULT
        if decision.home is None:
            kind = Placement.Kind.NONE
        same = (row.kind, row.decided_home, row.rule) == (kind, home, decision.rule)
        if same and row.basis == decision.basis:
            continue
        placements.append(
            Placement(
                user_id=row.id,
                kind=kind,
                home_id=home,
                rule_id=decision.rule,
                basis=decision.basis,
                at=row.at if same and row.at else now,
            )
        )
    for home, ids in movers.items():
        User.objects.filter(pk__in=ids).update(home_id=home)
    _keep(placements)
    return sum(len(ids) for ids in movers.values())


def _note_by_hand(rows: Iterable[Row], by: str, now: datetime) -> None:
    """Write who chose a home server by hand, if it is another one than before."""
    hand = Placement.Kind.HAND
    _keep(
        [
            Placement(user_id=row.id, kind=hand, home_id=row.home, by=by, at=now)
            for row in rows
            if (row.kind, row.decided_home) != (hand, row.home)
        ]
    )


def _keep(placements: list[Placement]) -> None:
    changed = ["kind", "home", "rule", "basis", "by", "at"]
    Placement.objects.bulk_create(
        placements, batch_size=PIECE, update_conflicts=True, unique_fields=["user"], update_fields=changed
    )


def _pieces(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    left = iter(ids)
    while piece := list(islice(left, PIECE)):
        yield piece


@receiver(accounts.people_changed)
def on_change(ids: Collection[UUID], by: str = "", **_: Any) -> None:
    """Place new people, and people about whom something has changed that rules may read (M8)."""
    place(ids, by)


@receiver(cluster.server_removed)
def on_removal(server: Server, **_: Any) -> None:
    """Give the residents of a removed server another home, by the rules; also those who were put there by hand."""
    residents = User.objects.filter(home=server)
    ids = list(residents.values_list("pk", flat=True))
    residents.update(home=servers.this(), home_by_hand=False)
    place(ids)


@receiver(cluster.converted)
def on_conversion(**_: Any) -> None:
    """Forget why people live where they live: from now on the master decides, and knows."""
    Placement.objects.all().delete()
    Default.objects.all().delete()
