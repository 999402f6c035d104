"""What becomes of one person: every case on one line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from posthouse.directory.compare import Change, Known, Make, Refuse, decide
from posthouse.directory.people import Person

HERE, ELSEWHERE, ANNA, BERT = (UUID(int=number) for number in range(1, 5))
PERSON = Person("uid", "cn=anna", "anna", "Anna", "anna@example.com", True, ("staff",), {"l": ["Paris"]})
ENTRY = {"dn": "cn=anna", "groups": ["staff"], "fields": {"l": ["Paris"]}}
KNOWN = Known(ANNA, "anna", "Anna", "anna@example.com", True, directory=HERE, entry=ENTRY)
RIVAL = Known(BERT, "anna", "Bert", "bert@example.com", True)


@pytest.mark.parametrize(
    ("person", "known", "expected"),
    [
        # Nothing has changed.
        ({}, {}, Change(ANNA, {}, {})),
        # What has changed, and only that, is written.
        ({"name": "Ann"}, {}, Change(ANNA, {"name": "Ann"}, {})),
        ({"dn": "cn=ann"}, {}, Change(ANNA, {}, {"dn": "cn=ann"})),
        ({"groups": ()}, {}, Change(ANNA, {}, {"groups": []})),
        # Switched off there, and here.
        ({"enabled": False}, {}, Change(ANNA, {}, {}, off=True)),
        ({"enabled": False}, {"is_active": False}, Change(ANNA, {}, {})),
        # Switched on again, unless an administrator has switched the account off.
        ({}, {"is_active": False, "switched_off": True}, Change(ANNA, {"is_active": True}, {})),
        ({}, {"is_active": False}, Change(ANNA, {}, {})),
        # An account that an administrator has removed stays removed.
        ({"name": "Ann"}, {"removed": True, "is_active": False}, Change(ANNA, {}, {})),
        # A connection that was made anew.
        ({}, {"directory": None}, Change(ANNA, {}, {}, adopted=True)),
    ],
)
def test_an_account_follows_the_directory(person: dict[str, Any], known: dict[str, Any], expected: Change) -> None:
    assert decide(replace(PERSON, **person), HERE, replace(KNOWN, **known), None, None) == expected


def test_what_cannot_be_taken_over_keeps_back_nothing_else() -> None:
    changed = replace(PERSON, login="x", groups=("new",), enabled=False)
    outcome = decide(changed, HERE, KNOWN, RIVAL, None)
    assert isinstance(outcome, Change)
    assert (outcome.account, outcome.entry, outcome.off) == ({}, {"groups": ["new"]}, True)
    assert "taken here: Bert has it" in outcome.problem
    assert decide(changed, HERE, KNOWN, None, None, "It is wrong.").problem == "It is wrong."  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, Make()),
        ({"invalid": "wrong"}, "invalid"),
        ({"same_login": RIVAL}, "login"),
        ({"same_email": RIVAL}, "email"),
        ({"same_login": RIVAL, "choice": "separate"}, "login"),
        ({"same_email": RIVAL, "choice": "separate"}, Make()),
        ({"same_login": RIVAL, "choice": "adopt"}, BERT),
        ({"same_email": RIVAL, "choice": "adopt"}, BERT),
        ({"same_login": replace(RIVAL, directory=ELSEWHERE), "choice": "adopt"}, "login"),
        ({"same_login": replace(RIVAL, last_administrator=True), "choice": "adopt"}, "login"),
        ({"same_login": RIVAL, "invalid": "wrong", "choice": "adopt"}, "invalid"),
    ],
)
def test_somebody_new_is_made_adopted_or_refused(arguments: dict[str, Any], expected: object) -> None:
    known = {"known": None, "same_login": None, "same_email": None}
    outcome = decide(PERSON, HERE, **known | arguments)
    if isinstance(outcome, Refuse):
        assert outcome.reason == expected
    elif isinstance(outcome, Change):
        assert (outcome.id, outcome.adopted) == (expected, True)
    else:
        assert outcome == expected


def test_who_may_not_log_in_there_gets_no_account() -> None:
    assert decide(replace(PERSON, enabled=False), HERE, None, RIVAL, None).reason == "off"  # type: ignore[union-attr]
