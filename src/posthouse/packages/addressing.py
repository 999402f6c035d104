"""What is told to a sender while he names recipients: who is meant, where the package will go, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.packages import destinations, limits, policies
from posthouse.packages.recipients import TOGETHER, Named, look_up, normal, recipients_of
from posthouse.packages.suggestions import OUTSIDE, Suggestion

SENTENCES = 20
"""At most so many complaints; a list of 10,000 wrong names needs no more."""


@dataclass(frozen=True)
class Place:
    """A server to which a package will go."""

    name: str
    here: bool
    people: int


@dataclass(frozen=True)
class Way:
    """Where a package will go, and what is wrong with its recipients."""

    people: int
    outside: int
    places: list[Place]
    errors: list[str]


def where(sender: User, named: Sequence[str], private: Sequence[str]) -> Way:
    """Return where a package to these recipients will go; the first place is this server if it stays there."""
    if not any(normal(name) for name in (*named, *private)):
        return Way(0, 0, [], [])
    chosen, errors = recipients_of(sender, named, private)
    here = servers.this()
    outside = sum(one.user is None for one in chosen)
    if outside and not policies.outside().allowed:
        errors.append(policies.NOBODY_OUTSIDE)
    counted = Counter(destinations.of_all([(one.user, one.email) for one in chosen], here))
    names = dict(Server.objects.filter(pk__in=counted).values_list("pk", "name"))
    places = [Place(names[pk], pk == here.pk, people) for pk, people in counted.items()]
    places.sort(key=lambda place: (not place.here, -place.people, place.name))
    more = len(errors) - SENTENCES
    return Way(
        len(chosen), outside, places, errors[:SENTENCES] + ([f"And {more:,} more like these."] if more > 0 else [])
    )


def resolve(sender: User, given: Sequence[str]) -> tuple[list[Suggestion], list[str]]:
    """Return the recipients that a pasted list of names means, and why the others mean nobody, each once."""
    order = list(dict.fromkeys(name for one in given if (name := normal(one)) and not TOGETHER.fullmatch(name)))
    if len(order) > limits.RECIPIENTS:
        return [], [f"{len(order):,} names were pasted; a package goes to {limits.RECIPIENTS:,} people at most."]
    found: dict[UUID | str, Named] = {}
    complaints: list[str] = []
    for _, people, complaint in look_up(sender, order):
        complaints += [complaint] if complaint else []
        found.update({one.key: one for one in people})
    here = servers.this()
    homes = destinations.of_all([(one.user, one.email) for one in found.values()], here)
    names = dict(Server.objects.filter(pk__in=set(homes)).values_list("pk", "name"))
    return [_shown(one, names[home]) for one, home in zip(found.values(), homes, strict=True)], complaints


def _shown(one: Named, home: str) -> Suggestion:
    if one.user:
        return Suggestion(one.user.login, str(one.user), one.user.email, home)
    return Suggestion(one.email, one.email, OUTSIDE, home)
