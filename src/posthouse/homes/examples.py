"""Examples kept with rules: who must land on the rule's home server, tried whenever rules are changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.homes import facts, ruleset, runs, standing
from posthouse.homes.engine import Decision, Person
from posthouse.homes.models import Rule

MOST = 20
"""Examples of one rule."""
LENGTH = 254


@dataclass(frozen=True)
class Failure:
    """An example that lands elsewhere than it must."""

    rule: UUID
    example: str
    sentence: str


class Unmet(Exception):
    """A change of the rules makes examples land elsewhere."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__(" ".join(failure.sentence for failure in failures))
        self.failures = failures


@contextmanager
def changing(*, confirmed: bool) -> Iterator[None]:
    """Let rules be changed inside, one after the other; nothing is changed when the block raises.

    Raises Unmet when examples land elsewhere that did not before, unless that is confirmed.
    """
    with transaction.atomic():
        runs.lock()
        standing.unsettle()
        before = set() if confirmed else {(each.rule, each.example) for each in failures()}
        yield
        unmet = [] if confirmed else [each for each in failures() if (each.rule, each.example) not in before]
        if unmet:
            raise Unmet(unmet)


def failures() -> list[Failure]:
    """Return the examples that land elsewhere by the rules as they are now."""
    rules = list(ruleset.present().select_related("home"))
    if not any(rule.examples for rule in rules):
        return []
    in_force = ruleset.in_force()
    known = _accounts({example for rule in rules if not rule.external for example in rule.examples})
    names = _Names(rules)
    found = []
    for rule in rules:
        engine = in_force.external if rule.external else in_force.people
        for example in rule.examples:
            decision = engine.decide(known.get(example.lower()) or made_up(example))
            if decision.home != rule.home_id:
                where = names.outcome(decision, external=rule.external)
                said = f"{example} must land on {rule.home.name}, says the rule {rule.name}, but {where}."
                found.append(Failure(rule.id, example, said))
    return found


def made_up(text: str) -> Person:
    """Return somebody who has no account yet, of whom an e-mail address or a user name is known."""
    return Person(email=text if "@" in text else "", login=text.partition("@")[0])


def _accounts(examples: set[str]) -> dict[str, Person]:
    """Return what rules read of the accounts that have these user names or addresses, by both in lower case."""
    wanted = {example.lower() for example in examples}
    if not wanted:
        return {}
    people = facts.placeable().annotate(lower_login=Lower("login"), lower_email=Lower("email"))
    people = people.filter(Q(lower_login__in=wanted) | Q(lower_email__in=wanted)).order_by("pk")
    rows = facts.rows(people, ruleset.in_force().people)
    found: dict[str, Person] = {}
    for row in rows:
        found.setdefault(row.person.email.lower(), row.person)
    for row in rows:
        found[row.person.login.lower()] = row.person
    return found


class _Names:
    """How rules and servers are called."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = {rule.id: rule.name for rule in rules}
        self.servers = dict(Server.objects.values_list("id", "name"))

    def outcome(self, decision: Decision, *, external: bool) -> str:
        """Say where a decision leads, and why."""
        if decision.home is None:
            return "no rule matches" if external else "no rule matches, and no default server is chosen"
        why = f"the rule {self.rules[decision.rule]} decides" if decision.rule else "no rule matches"
        return f"would land on {self.servers[decision.home]}: {why}"


def account(text: str) -> User | None:
    """Return the account with this user name, or else one with this e-mail address."""
    text = text.strip()
    named = User.objects.named(text).filter(local=False).first()
    addressed = facts.placeable().annotate(lower_email=Lower("email")).filter(lower_email=Lower(Value(text)))
    return named or addressed.order_by("pk").first()
