"""Explain: where somebody belongs, rule by rule and field by field (D11)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.homes import examples, facts, ruleset, standing
from posthouse.homes.engine import Check, Engine, Explanation, Person
from posthouse.homes.models import Rule

SENDER = (
    "Somebody outside who was invited to send uploads to the inviter's home server: the rules do not look at senders."
)
SHORT = 300
"""Characters of a value that are shown around what matched."""


@dataclass(frozen=True)
class Line:
    """One pattern, and how it came out."""

    field: str
    pattern: str
    matched: bool
    before: str
    hit: str
    after: str
    note: str
    """What to say where there is no value to show."""


@dataclass(frozen=True)
class Block:
    """One rule, and how it came out."""

    place: int
    """Where it stands among all rules, counted from 1."""
    name: str
    home: str
    verdict: str
    """decides, late (an earlier rule decides), no, or removed (its home server was)."""
    lines: list[Line]


@dataclass(frozen=True)
class Story:
    """Where somebody belongs, and why."""

    title: str
    outcome: str
    home: str
    blocks: list[Block]
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """What there is to say about what somebody typed."""

    text: str
    user: User | None
    stories: list[Story]


def explain(text: str) -> Answer:
    """Explain a user name, or an e-mail address: of a user, or of somebody outside."""
    text = text.strip()
    user = examples.account(text)
    rows = list(ruleset.present().select_related("home"))
    in_force = ruleset.in_force()
    if user is not None:
        return Answer(text, user, [_of_user(user, rows, in_force.people)])
    stories = []
    if "@" in text:
        stories.append(_of_external(text, rows, in_force.external))
    stories.append(_of_nobody(text, rows, in_force.people))
    return Answer(text, None, stories)


def _of_user(user: User, rows: list[Rule], engine: Engine) -> Story:
    explained = engine.explain(facts.person(user))
    outcome, home = _outcome(explained, rows, "stays where the account is now")
    if user.home_by_hand and user.home:
        outcome = (
            f"{user} lives on {user.home.name}, which was set by hand: rules do not touch that. By rule: {outcome}"
        )
        home = user.home.name
    return Story(f"{user} ({user.login}, {user.email})", outcome, home, _blocks(rows, explained, external=False))


def _of_external(email: str, rows: list[Rule], engine: Engine) -> Story:
    explained = engine.explain(Person(email))
    outcome, home = _outcome(explained, rows, "downloads from the sender's home server")
    blocks = _blocks(rows, explained, external=True)
    return Story(f"{email} as an external recipient", outcome, home, blocks, SENDER)


def _of_nobody(text: str, rows: list[Rule], engine: Engine) -> Story:
    person = examples.made_up(text)
    explained = engine.explain(person)
    outcome, home = _outcome(explained, rows, "a new account lives on the master")
    who = f"user name {person.login}" + (f", e-mail address {person.email}" if person.email else "")
    return Story(f"A new account: {who}", outcome, home, _blocks(rows, explained, external=False))


def _outcome(explained: Explanation, rows: list[Rule], otherwise: str) -> tuple[str, str]:
    decision = explained.decision
    for row in rows:
        if row.id == decision.rule:
            return f"{row.home.name}, by the rule {row.name}.", row.home.name
    if decision.home:
        name = Server.objects.get(pk=decision.home).name
        return f"{name}, the default server: no rule matches.", name
    problem = standing.default_problem() if otherwise.startswith(("a new", "stays")) else ""
    return f"No rule matches: {otherwise}." + (f" {problem}" if problem else ""), ""


def _blocks(rows: list[Rule], explained: Explanation, *, external: bool) -> list[Block]:
    steps = {step.rule.id: step for step in explained.steps}
    blocks = []
    for place, row in enumerate(rows, 1):
        if row.external != external:
            continue
        step = steps.get(row.id)
        if step is None:
            lines = [Line(_label(name), pattern, False, "", "", "", "not tried") for name, pattern in row.conditions]
            blocks.append(Block(place, row.name, row.home.name, "removed", lines))
            continue
        verdict = "decides" if step.decided else "late" if step.matched else "no"
        # The engine has the conditions in the order of the row, with the names of LDAP fields in lower case.
        checks = zip(row.conditions, step.checks, strict=True)
        lines = [_line(_label(name), check) for (name, _), check in checks]
        blocks.append(Block(place, row.name, row.home.name, verdict, lines))
    return blocks


def _label(name: str) -> str:
    return name.removesuffix(" regex")


def _line(label: str, check: Check) -> Line:
    note = ""
    if not check.value:
        note = (
            "no value"
            if check.count == 0
            else "an empty value"
            if check.count == 1
            else f"none of {check.count} values"
        )
    elif check.count > 1:
        note = f"one of {check.count} values"
    before, hit, after = check.value[: check.start], check.value[check.start : check.end], check.value[check.end :]
    return Line(label, check.condition.pattern, check.matched, before[-SHORT:], hit[:SHORT], after[:SHORT], note)
