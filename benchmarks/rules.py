"""A million people placed by a hundred home server rules, on one core, beside the same rules on Python's `re`.

The people come one after the other, as they come from the database; a third of them from a directory, with five groups
each. The rules look at the e-mail address, the user name, the directory's groups, DN and an LDAP field; most people
match none, so that all rules are tried on them. `re` is compared on fewer people, and leaves a rule at its first
pattern that does not match, which is how one would write it.
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

from posthouse.homes.engine import DN, EMAIL, GROUP, LOGIN, Condition, Engine, Person, Rule

PEOPLE = 1_000_000
RULES = 100
SAMPLE = 20_000
LIMIT_SECONDS = 60.0
LIMIT_MB = 32
SITES = [f"{a}{b}" for a in ("asia", "emea", "north", "south", "east") for b in range(20)]


def run(folder: Path) -> Iterator[str]:  # noqa: ARG001 - the shape of a benchmark
    """Measure, and yield the lines of the outcome. Raises RuntimeError when it is too slow or grows."""
    rules = list(make_rules())
    engine = Engine(rules, UUID(int=1))
    for person in people(1_000):
        engine.decide(person)
    before = peak()
    making = timed(PEOPLE)
    start = time.perf_counter()
    homes = 0
    for person in people(PEOPLE):
        homes += engine.decide(person).rule is not None
    seconds = time.perf_counter() - start - making
    grown = peak() - before
    sample = list(people(SAMPLE))
    start = time.perf_counter()
    decided = [engine.decide(person).rule for person in sample]
    ours = time.perf_counter() - start
    compiled = [(rule.id, [(each.field, re.compile(each.pattern, re.I)) for each in rule.conditions]) for rule in rules]
    start = time.perf_counter()
    theirs_decided = [by_re(compiled, person) for person in sample]
    theirs = time.perf_counter() - start
    if decided != theirs_decided:
        raise RuntimeError("the engine and re disagree")
    yield (
        f"rules: {PEOPLE} people by {RULES} rules in {seconds:.1f} s, {seconds / PEOPLE * 1e6:.1f} µs each, "
        f"{homes * 100 // PEOPLE} % by a rule, {grown} MB more memory; ratio to Python's re {theirs / ours:.1f}"
    )
    if seconds > LIMIT_SECONDS or grown > LIMIT_MB:
        raise RuntimeError(f"{LIMIT_SECONDS:.0f} s and {LIMIT_MB} MB are the limit")


def make_rules() -> Iterator[Rule]:
    """Yield the rules: a site each, by another field in turns."""
    for number, site in enumerate(SITES[:RULES]):
        kinds = [
            (Condition(EMAIL, f"@{site}[.]example[.](com|org)$"),),
            (Condition(LOGIN, f"^{site}-"), Condition(EMAIL, "[.]example[.]")),
            (Condition(GROUP, f"^{site} (staff|guests)$"),),
            (Condition("ldap:department", f"^(film|sound) {site}"), Condition(DN, f"ou={site},")),
        ]
        yield Rule(UUID(int=1000 + number), kinds[number % 4], UUID(int=number % 5))


def people(count: int) -> Iterator[Person]:
    """Yield people, the same each time."""
    random = Random(4)
    for number in range(count):
        site = SITES[random.randrange(len(SITES))] if number % 2 else "elsewhere"
        login = f"{site}-{number}" if number % 3 else f"user{number}"
        email = f"{login}@{site}.example.com"
        if number % 3:
            yield Person(email, login)
            continue
        groups = ["All staff", f"{site} staff", "Editors", "Cutters", "Lights and cameras"]
        fields = {"department": [f"Film {site}"], "l": ["Somewhere"]}
        yield Person(email, login, True, f"CN=User {number},OU={site},DC=example,DC=com", groups, fields)


def by_re(rules: list[tuple[UUID, list[tuple[str, re.Pattern[str]]]]], person: Person) -> UUID | None:
    """Decide as one would write it with Python's own regular expressions."""
    for rule, conditions in rules:
        if all(any(pattern.search(value) for value in person.values(field)) for field, pattern in conditions):
            return rule
    return None


def timed(count: int) -> float:
    """Return the seconds that making the people takes by itself."""
    start = time.perf_counter()
    for _ in people(count):
        pass
    return time.perf_counter() - start


def peak() -> int:
    """Return the greatest resident size that this process has had, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
