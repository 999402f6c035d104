"""That everybody is placed is looked up once for each state of the rules, however many people there are."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.homes import examples, placing, standing
from posthouse.homes.models import Rule
from tests.conftest import make_user
from tests.homes.conftest import choose_default, make_rule
from tests.homes.test_runs import carry_out, preview

pytestmark = pytest.mark.django_db


def looks_at_people() -> bool:
    with CaptureQueriesContext(connection) as queries:
        assert standing.settled()
    return any("accounts_user" in query["sql"] for query in queries)


def test_without_rules_and_a_default_there_is_nothing_to_recalculate(paris: Server, alice: User) -> None:
    assert standing.settled()


def test_people_are_looked_at_once_and_not_again_until_the_rules_are_changed(
    paris: Server, tokyo: Server, alice: User
) -> None:
    choose_default(paris)
    rule = make_rule("A", tokyo, login_pattern="^b")
    assert not standing.settled()
    carry_out(preview())
    assert [looks_at_people() for _ in range(3)] == [True, False, False]
    placing.place({make_user("ben", paris).pk})  # as whoever is new
    assert not looks_at_people()
    with examples.changing(confirmed=True):
        Rule.objects.filter(pk=rule.pk).update(login_pattern="^a")
    assert not standing.settled()


def test_rules_that_were_changed_and_changed_back_are_looked_at_again(
    paris: Server, tokyo: Server, alice: User
) -> None:
    choose_default(paris)
    rule = make_rule("A", tokyo, login_pattern="^b")
    placing.place({alice.pk})
    assert standing.settled()
    for pattern in ("^a", "^b"):
        with examples.changing(confirmed=True):
            Rule.objects.filter(pk=rule.pk).update(login_pattern=pattern)
        if pattern == "^a":
            placing.place({alice.pk})
    assert not standing.settled()
