"""Where people belong: the rules of the specification, proven against a slow and obvious reference (R33-R52)."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.homes.engine import DN, EMAIL, GROUP, LOGIN, Condition, Decision, Engine, Person, Rule

PARIS, TOKYO, RIO = (UUID(int=number) for number in (1, 2, 3))
BOB = Person(
    email="bob@asia.example",
    login="bob",
    from_directory=True,
    dn="CN=Müller\\, Bob,OU=Asia,DC=example,DC=com",
    groups=("Editors", "Asia staff"),
    fields={"department": ("Film", "Sound"), "l": ("Kyoto",)},
)


def rule(number: int, home: UUID, **wanted: str) -> Rule:
    conditions = (Condition(name.replace("_", ":"), pattern) for name, pattern in wanted.items())
    return Rule(UUID(int=100 + number), tuple(conditions), home)


def home(person: Person, *rules: Rule, default: UUID | None = None) -> UUID | None:
    engine = Engine(rules, default)
    assert engine.decide(person) == engine.explain(person).decision
    return engine.decide(person).home


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({"email": "asia"}, True),  # a search, anywhere
        ({"email": "ASIA[.]EX"}, True),  # capital letters make no difference
        ({"email": "^asia"}, False),
        ({"email": "example$"}, True),
        ({"email": "asia", "login": "^bob$"}, True),
        ({"email": "asia", "login": "^alice$"}, False),  # all patterns must match
        ({"group": "^asia staff$"}, True),  # any of the groups
        ({"group": "^staff"}, False),
        ({"dn": "ou=asia"}, True),
        ({"dn": "MÜLLER"}, True),
        ({"ldap_department": "^sound$", "ldap_l": "kyoto"}, True),
        ({"ldap_department": "^lights$"}, False),
        ({"ldap_nobody-has-it": ".*"}, False),
    ],
)
def test_a_rule_matches_when_all_its_patterns_do(wanted: dict[str, str], matches: bool) -> None:
    assert home(BOB, rule(1, TOKYO, **wanted), default=PARIS) == (TOKYO if matches else PARIS)


def test_two_patterns_for_one_field_must_both_match() -> None:
    both = Rule(UUID(int=9), (Condition("ldap:department", "film"), Condition("ldap:department", "sound")), TOKYO)
    neither = Rule(UUID(int=9), (Condition("ldap:department", "film"), Condition("ldap:department", "light")), TOKYO)
    assert home(BOB, both, default=PARIS) == TOKYO
    assert home(BOB, neither, default=PARIS) == PARIS


@pytest.mark.parametrize("name", [GROUP, DN, "ldap:department"])
def test_a_directory_pattern_never_matches_somebody_who_is_not_from_a_directory(name: str) -> None:
    stranger = Person(BOB.email, BOB.login, False, BOB.dn, BOB.groups, BOB.fields)
    everything = Rule(UUID(int=9), (Condition(name, ".*"),), TOKYO)
    assert home(BOB, everything) == TOKYO
    assert home(stranger, everything, default=PARIS) == PARIS
    assert home(Person("x@y.example", "x", True), everything, default=PARIS) == PARIS


def test_a_name_that_holds_a_piece_of_a_distinguished_name_is_in_no_other_unit() -> None:
    """Directories escape the commas of a name, so what somebody is called does not look like where he is."""
    sly = Person("x@y.example", "x", True, dn="CN=x\\,OU=Asia\\,DC=example\\,DC=com,OU=Guests,DC=example,DC=com")
    assert home(sly, rule(1, TOKYO, dn="OU=Asia,"), default=PARIS) == PARIS
    assert home(sly, rule(1, TOKYO, dn=",OU=Guests,"), default=PARIS) == TOKYO


def test_the_first_rule_that_matches_decides() -> None:
    rules = [rule(1, RIO, email="rio"), rule(2, TOKYO, email="asia"), rule(3, RIO, login="bob")]
    assert home(BOB, *rules, default=PARIS) == TOKYO
    assert home(BOB, rules[2], rules[1], default=PARIS) == RIO


def test_without_a_match_and_a_default_nobody_decides() -> None:
    assert home(BOB) is None
    assert home(BOB, rule(1, TOKYO, email="rio")) is None


def test_the_trace_tells_each_pattern_of_each_rule() -> None:
    rules = [rule(1, RIO, email="asia", login="^alice$"), rule(2, TOKYO, group="staff"), rule(3, RIO, login="bob")]
    first, second, third = Engine(rules, PARIS).explain(BOB).steps
    assert [check.matched for check in first.checks] == [True, False]
    assert first.checks[0].value[first.checks[0].start : first.checks[0].end] == "asia"
    assert first.checks[1].value == "bob"
    assert (second.decided, second.checks[0].value, second.checks[0].count) == (True, "Asia staff", 2)
    assert (third.matched, third.decided) == (True, False)


def test_a_rule_without_patterns_is_no_rule() -> None:
    with pytest.raises(ValueError, match="without patterns"):
        Engine([Rule(UUID(int=9), (), TOKYO)])


def test_a_decision_holds_while_the_rules_up_to_it_are_the_same() -> None:
    first, second, third = rule(1, RIO, email="rio"), rule(2, TOKYO, email="asia"), rule(3, RIO, login="bob")
    before = Engine([first, second, third], PARIS)
    bobs = before.decide(BOB).basis
    assert bobs in Engine([first, second], PARIS).bases  # a change behind him
    assert bobs in Engine([first, second, third], TOKYO).bases  # another default
    assert bobs not in Engine([second, first, third], PARIS).bases
    assert bobs not in Engine([first, rule(2, RIO, email="asia"), third], PARIS).bases
    assert bobs not in Engine([first, rule(2, TOKYO, email="as"), third], PARIS).bases
    assert before.digest not in Engine([first, second, third], TOKYO).bases


# Random rules and people over few letters, so that matches are common. The patterns mean the same in Python's re.
ATOMS = ["a", "b", "[ab]", "[^a]", ".", "a|b", "(ab)+", "a*b", "b?a", "a{2,3}", "^a", "b$", "^b.*a$", "[.]", "Ab"]
texts = st.text("abAB.@", min_size=1, max_size=8)
pattern = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=3).map("".join)
condition = st.builds(Condition, st.sampled_from([EMAIL, LOGIN, GROUP, DN, "ldap:x", "ldap:y"]), pattern)
conditions = st.lists(condition, min_size=1, max_size=4).map(tuple)
servers = st.sampled_from([PARIS, TOKYO, RIO])
values = st.lists(texts, max_size=3)
person = st.builds(
    Person, texts, texts, st.booleans(), texts, values, st.dictionaries(st.sampled_from(["x", "y"]), values)
)
rule_lists = st.lists(st.builds(Rule, st.uuids(), conditions, servers), max_size=8)


def reference(rules: list[Rule], default: UUID | None, someone: Person) -> tuple[UUID | None, UUID | None]:
    """Say it as the manual does."""
    for each in rules:
        for wanted in each.conditions:
            if wanted.field == EMAIL:
                values = [someone.email]
            elif wanted.field == LOGIN:
                values = [someone.login]
            elif not someone.from_directory:
                values = []
            elif wanted.field == GROUP:
                values = list(someone.groups)
            elif wanted.field == DN:
                values = [someone.dn]
            else:
                values = list(someone.fields.get(wanted.field[5:], []))
            if not any(re.search(wanted.pattern, value, re.IGNORECASE) for value in values):
                break
        else:
            return each.home, each.id
    return default, None


@settings(max_examples=300, deadline=None)
@given(rule_lists, st.none() | servers, st.lists(person, min_size=1, max_size=6))
def test_the_fast_way_the_explained_way_and_the_manual_agree(
    rules: list[Rule], default: UUID | None, people: list[Person]
) -> None:
    engine = Engine(rules, default)
    for someone in people:
        decision = engine.decide(someone)
        explained = engine.explain(someone)
        assert (decision.home, decision.rule) == reference(rules, default, someone)
        assert decision == explained.decision
        assert [step.rule.id for step in explained.steps if step.decided] == ([decision.rule] if decision.rule else [])
        assert decision.basis in engine.bases


@settings(max_examples=100, deadline=None)
@given(rule_lists, rule_lists, st.none() | servers, st.none() | servers, person)
def test_whose_basis_still_holds_is_decided_as_before(
    rules: list[Rule], others: list[Rule], default: UUID | None, other: UUID | None, someone: Person
) -> None:
    """The promise on which people are left alone."""
    before = Engine(rules, default).decide(someone)
    after = Engine(rules[: len(rules) // 2] + others, other)
    if before.basis in after.bases:
        decided: Decision = after.decide(someone)
        assert (decided.home, decided.rule) == (before.home, before.rule)
