"""Where people belong: rules and people in, decision and full trace out. No database, no clock.

A rule matches when all its patterns match. A field with several values, such as the groups of a directory, matches when
any value does. The first rule that matches decides; when none does, the default server. Patterns are searched for
anywhere in a value, whatever its case.

`Engine.decide` is for many: each value of a person is looked at once, by a single automaton that knows the patterns of
all rules. `Engine.explain` is for one: it tries each pattern by itself and tells what it found. Both say the same.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

import re2

from posthouse.homes import patterns

MEMORY = 16 * 1024 * 1024
"""Bytes that the automaton of one field may take."""

EMAIL, LOGIN, GROUP, DN, LDAP = "email", "login", "group", "dn", "ldap:"


@dataclass(frozen=True)
class Condition:
    """One pattern of a rule."""

    field: str
    """email, login, group, dn, or ldap: and the name of an LDAP field in lower case."""
    pattern: str

    @property
    def of_directory(self) -> bool:
        """Whether only people from a directory can meet it."""
        return self.field not in {EMAIL, LOGIN}


@dataclass(frozen=True)
class Rule:
    """A rule that can decide: its patterns are good ones, and its server is there."""

    id: UUID
    conditions: tuple[Condition, ...]
    home: UUID


@dataclass(frozen=True)
class Person:
    """What rules may read of a person. Without a directory there are no groups, no name and no fields in it."""

    email: str
    login: str = ""
    from_directory: bool = False
    dn: str = ""
    groups: Sequence[str] = ()
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def values(self, name: str) -> Sequence[str]:
        """Return the values of a field; none when there are none."""
        if name == EMAIL:
            return (self.email,)
        if name == LOGIN:
            return (self.login,)
        if not self.from_directory:
            return ()
        if name == GROUP:
            return self.groups
        if name == DN:
            return (self.dn,) if self.dn else ()
        return self.fields.get(name.removeprefix(LDAP), ())


@dataclass(frozen=True)
class Decision:
    """Where a person belongs."""

    home: UUID | None
    """None: no rule matches, and no default server is chosen."""
    rule: UUID | None
    """The rule that decided; None: the default server."""
    basis: str
    """Stands for the rules up to the one that decided: while it is the same, so is the decision for this person."""


@dataclass(frozen=True)
class Check:
    """One pattern held against a person."""

    condition: Condition
    matched: bool
    value: str = ""
    """The value that matched, or the only one that did not."""
    start: int = 0
    end: int = 0
    """Which part of the value matched."""
    count: int = 1
    """How many values there were."""


@dataclass(frozen=True)
class Step:
    """One rule held against a person."""

    rule: Rule
    checks: tuple[Check, ...]
    decided: bool

    @property
    def matched(self) -> bool:
        """Whether the rule matches, also when an earlier one decided."""
        return all(check.matched for check in self.checks)


@dataclass(frozen=True)
class Explanation:
    """A decision with everything that led to it."""

    decision: Decision
    steps: tuple[Step, ...]


class Engine:
    """A list of rules and a default server, made ready once for any number of people. For all threads."""

    def __init__(self, rules: Sequence[Rule], default: UUID | None = None) -> None:
        if not all(rule.conditions for rule in rules):
            raise ValueError("a rule without patterns")
        self.rules = tuple(rules)
        self.default = default
        sofar = hashlib.blake2b(digest_size=16)
        self._decisions: list[Decision] = []
        for rule in self.rules:
            sofar.update(_told([[each.field, each.pattern] for each in rule.conditions], rule.home))
            self._decisions.append(Decision(rule.home, rule.id, sofar.hexdigest()))
        sofar.update(_told("default", default))
        self._otherwise = Decision(default, None, sofar.hexdigest())

    @property
    def digest(self) -> str:
        """Stands for all rules and the default server."""
        return self._otherwise.basis

    @property
    def bases(self) -> list[str]:
        """Return the bases of all decisions that still hold: whoever was decided by one need not be looked at."""
        return [decision.basis for decision in (*self._decisions, self._otherwise)]

    @property
    def reads_directory(self) -> bool:
        """Whether any rule looks at what a directory says."""
        return any(condition.of_directory for rule in self.rules for condition in rule.conditions)

    def decide(self, person: Person) -> Decision:
        """Return where a person belongs."""
        left = self._all
        for slot in self._slots:
            if left & slot.bound:
                left &= ~slot.bound | slot.passed(person.values(slot.field))
        if not left:
            return self._otherwise
        return self._decisions[(left & -left).bit_length() - 1]

    def explain(self, person: Person) -> Explanation:
        """Return where a person belongs, and how each pattern of each rule came out."""
        decision: Decision | None = None
        steps = []
        for rule, would_be in zip(self.rules, self._decisions, strict=True):
            checks = tuple(_check(condition, person.values(condition.field)) for condition in rule.conditions)
            decides = decision is None and all(check.matched for check in checks)
            if decides:
                decision = would_be
            steps.append(Step(rule, checks, decides))
        return Explanation(decision or self._otherwise, tuple(steps))

    @cached_property
    def _all(self) -> int:
        return (1 << len(self.rules)) - 1

    @cached_property
    def _slots(self) -> list[_Slot]:
        """One slot for each field; a second one where a rule has two patterns for the same LDAP field."""
        found: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        for number, rule in enumerate(self.rules):
            seen: dict[str, int] = defaultdict(int)
            for condition in rule.conditions:
                found[condition.field, seen[condition.field]][number] = condition.pattern
                seen[condition.field] += 1
        return [_Slot(name, wanted) for (name, _), wanted in found.items()]


class _Slot:
    """One field, and the patterns that rules hold against it. Sets of rules are the bits of a number."""

    def __init__(self, name: str, wanted: Mapping[int, str]) -> None:
        self.field = name
        rules: dict[str, int] = defaultdict(int)
        for number, pattern in wanted.items():
            rules[pattern] |= 1 << number
        self.bound = sum(1 << number for number in wanted)
        """The rules that look at this field."""
        self._automata = _automata(list(rules.items()))

    def passed(self, values: Sequence[str]) -> int:
        """Return the rules whose pattern matches any of the values."""
        found = 0
        for value in values:
            for automaton, rules in self._automata:
                for index in automaton.Match(value) or ():
                    found |= rules[index]
        return found


def _automata(wanted: list[tuple[str, int]]) -> list[tuple[re2.Set, list[int]]]:
    """Return automata that know all patterns: one, or several when one would grow too large."""
    automaton = re2.Set.SearchSet(patterns.options(MEMORY))
    try:
        for pattern, _ in wanted:
            automaton.Add(pattern)
        automaton.Compile()
    except re2.error:
        if len(wanted) == 1:
            raise
        half = len(wanted) // 2
        return _automata(wanted[:half]) + _automata(wanted[half:])
    return [(automaton, [rules for _, rules in wanted])]


def _check(condition: Condition, values: Sequence[str]) -> Check:
    pattern = patterns.compiled(condition.pattern)
    for value in values:
        match = pattern.search(value)
        if match:
            return Check(condition, True, value, match.start(), match.end(), len(values))
    return Check(condition, False, values[0] if len(values) == 1 else "", count=len(values))


def _told(*things: object) -> bytes:
    return json.dumps(things, default=str).encode() + b"\n"
