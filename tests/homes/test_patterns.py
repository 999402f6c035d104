"""What administrators type is refused with the character, the place and the cure, and never runs away (R38, R50)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.homes import engine, patterns
from posthouse.homes.engine import EMAIL, Condition, Engine, Person, Rule
from posthouse.homes.patterns import BadPattern
from posthouse.lib.ids import uuid7


def counted(kind: Any, made: list[object]) -> Any:
    """Return a kind of automaton that notes each one which is made."""

    class Counted(kind):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            made.append(self)
            super().__init__(*arguments, **options)

    return Counted


def refusal(pattern: str) -> str:
    with pytest.raises(BadPattern) as caught:
        patterns.check(pattern)
    return str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "character", "cure"),
    [
        ("asia~", "~ (character 5)", ". stands for any character"),
        ("OU=Asia/Pacific", "/ (character 8)", ". stands for any character"),
        ("bob\\b", "\\ (character 4)", "Write [.] for a literal dot"),
        (r"asia\.example$", "\\ (character 5)", "Write asia[.]example$ instead."),
        (r"^\d+@asia", "\\ (character 2)", "Write ^[0-9]+@asia instead."),
        (r"[\w.]+@asia", "\\ (character 2)", "Write [0-9A-Za-z_.]+@asia instead."),
        ("/asia/", "/ (character 1)", "Write asia instead."),
        (r"a\.b~", "\\ (character 2)", "Write [.] for a literal dot"),
    ],
)
def test_a_forbidden_character_is_named_with_what_to_write_instead(pattern: str, character: str, cure: str) -> None:
    assert refusal(pattern).startswith(character)
    assert cure in refusal(pattern)


@given(st.text(max_size=20), st.sampled_from("~/\\"), st.text(max_size=20))
def test_wherever_a_forbidden_character_stands_it_is_refused_with_its_place(
    before: str, character: str, after: str
) -> None:
    pattern = before + character + after
    first = next(place for place, one in enumerate(pattern, 1) if one in patterns.FORBIDDEN or not visible(one))
    said = refusal(pattern)
    if pattern[first - 1] in patterns.FORBIDDEN:
        assert said.startswith(f"{pattern[first - 1]} (character {first}) may not be used in a pattern. ")
        assert said.split("pattern. ")[1], "what to write instead"
    else:
        assert said.startswith(f"Character {first} of the pattern cannot be seen.")


def visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}


@given(st.text(st.sampled_from("ab.^$|()[]{}*+?-,019:=<!Pü@"), min_size=1, max_size=12), st.text("abü@.", max_size=6))
def test_whatever_is_typed_is_refused_in_words_or_runs(pattern: str, text: str) -> None:
    said = ""
    try:
        patterns.check(pattern)
    except BadPattern as bad:
        said = str(bad)
    if said:
        assert said.endswith(".")
        return
    whole = Engine([Rule(uuid7(), (Condition(EMAIL, pattern),), uuid7())])
    assert whole.decide(Person(text)) == whole.explain(Person(text)).decision


def test_what_is_proposed_is_accepted_and_means_the_same() -> None:
    for typed in (r"asia\.example$", r"^\d+@asia", r"[\w.]+@asia", r"\(x\)", r"a\+b"):
        better = patterns.suggestion(typed)
        patterns.check(better)
        for text in ("asia.example", "asiaxexample", "12@asia", "a.b@asia", "(x)", "x", "a+b", "aab"):
            assert bool(re.search(typed, text, re.I)) == bool(patterns.compiled(better).search(text))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("^(tokyo|rio", "( at character 2 is never closed"),
        ("[(](a|(b)", "( at character 4 is never closed"),
        ("tokyo)", "has no opening one"),
        ("tokyo[a-", "at character 6 ([a-) is never closed"),
        ("*tokyo", "nothing to repeat at character 1 (*)"),
        ("to**", "Two repetitions follow one another at character 3 (**)"),
        ("a{2000}", "repeated too often at character 2 ({2000})"),
        ("((a{100}){100})", "repeated too often"),
        ("[z-a]", "The range at character 2 (z-a)"),
        ("(?=asia)", "cannot be used at character 1"),
        ("(?<!asia)x", "cannot be used at character 1"),
        ("x" * 501, "at most 500 characters; this one has 501"),
        ("asia\u2028", "Character 5 of the pattern cannot be seen"),
        ("".join(f"[{c}ü]{{1000}}" for c in "abcdefghijklmnopqrstuvwxyz"), "take too much memory"),
    ],
)
def test_an_invalid_pattern_is_explained_in_words_with_the_place(pattern: str, words: str) -> None:
    assert words in refusal(pattern)


@pytest.mark.parametrize("pattern", ["asia", "^bob@", "[.]example$", "Ü|straße", "(?i)x", "a{1000}", "^$", "."])
def test_ordinary_patterns_are_accepted(pattern: str) -> None:
    patterns.check(pattern)


def test_patterns_that_explode_in_backtracking_engines_run_at_once() -> None:
    """Each of these takes Python's re longer than the age of the universe on this text."""
    text = "a" * 5_000 + "!"
    home = uuid7()
    wicked = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*a){20}$", "^([a-z]+)*$", "^(a?){500}a{500}$"]
    rules = [Rule(uuid7(), (Condition(EMAIL, pattern),), home) for pattern in wicked]
    whole = Engine(rules)
    person = Person(text)
    assert whole.decide(person).rule is None
    assert not any(step.matched for step in whole.explain(person).steps)


def test_an_automaton_that_would_grow_too_large_is_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MEMORY", 300_000)
    made: list[object] = []
    monkeypatch.setattr(engine.re2, "Set", counted(engine.re2.Set, made))
    home = uuid7()
    rules = [Rule(uuid7(), (Condition(EMAIL, f"[ab{number}]{{90}}ü{number}$"),), home) for number in range(40)]
    whole = Engine(rules)
    for text in ("a" * 90 + "ü39", "b" * 90 + "ü7", "c"):
        assert whole.decide(Person(text)) == whole.explain(Person(text)).decision
    assert len(made) > 1
