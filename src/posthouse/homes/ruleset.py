"""The rules in force, as the engine takes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db.models import QuerySet

from posthouse.homes import engine
from posthouse.homes.engine import DN, EMAIL, GROUP, LDAP, LOGIN, Condition, Engine
from posthouse.homes.models import Default, Rule

KEPT = 8
"""Engines that are kept ready: those of the present rules, and of a few that are being tried."""


@dataclass(frozen=True)
class Rules:
    """What holds for users, and what holds for external recipients."""

    people: Engine
    external: Engine


def in_force() -> Rules:
    """Return the rules as they are now. One whose home server was removed is left out: it places nobody."""
    default = Default.objects.filter(server__removed_at=None).values_list("server_id", flat=True).first()
    return of(list(present().filter(home__removed_at=None)), default)


def of(rows: list[Rule], default: UUID | None) -> Rules:
    """Return the engines for some rules, in their order."""
    people = tuple(_rule(row) for row in rows if not row.external)
    external = tuple(_rule(row) for row in rows if row.external)
    return Rules(_ready(people, default), _ready(external, None))


def present() -> QuerySet[Rule]:
    """Return the rules that were not removed, in the order in which they apply."""
    return Rule.objects.filter(removed_at=None).order_by("position", "id")


@lru_cache(KEPT)
def _ready(rules: tuple[engine.Rule, ...], default: UUID | None) -> Engine:
    return Engine(rules, default)


def _rule(row: Rule) -> engine.Rule:
    wanted = [(EMAIL, row.email_pattern)]
    if not row.external:
        wanted += [(LOGIN, row.login_pattern), (GROUP, row.group_pattern), (DN, row.dn_pattern)]
        wanted += [(f"{LDAP}{name.lower()}", pattern) for name, pattern in row.ldap]
    return engine.Rule(row.id, tuple(Condition(name, pattern) for name, pattern in wanted if pattern), row.home_id)
