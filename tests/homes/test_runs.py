"""Recalculate moves whom the preview named, and nobody else, whatever happens on the way (M8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posthouse.accounts import signals
from posthouse.accounts.models import User
from posthouse.audit.log import Who
from posthouse.cluster.models import Server
from posthouse.homes import facts, placing, ruleset, runs
from posthouse.homes.models import Default, Move, Placement, Recalculation, Rule
from posthouse.jobs import leases, worker
from posthouse.jobs.job import Job
from posthouse.jobs.models import State
from tests.conftest import make_user
from tests.homes.conftest import choose_default, make_rule

pytestmark = pytest.mark.django_db
ADA, BO = Who("Ada"), Who("Bo")
KIND: worker.Kind[Any] = worker.Kind("recalculation", runs.due, runs.run)


def work(run: Recalculation) -> Recalculation:
    """Do what the worker does."""
    row = leases.claim(runs.due(), "test")
    assert row == run
    worker.perform(KIND, Job(row))
    run.refresh_from_db()
    return run


def preview(**options: bool) -> Recalculation:
    return work(runs.start("Ada", **options))


def carry_out(run: Recalculation) -> Recalculation:
    runs.carry_out(run.pk, ADA)
    return work(run)


def moves(run: Recalculation) -> set[tuple[str, str, str]]:
    return set(run.moves.values_list("user__login", "source__name", "target__name"))


@pytest.fixture
def crowd(paris: Server, tokyo: Server, rio: Server) -> list[User]:
    """Four people at paris, which nobody has placed yet, and one by hand."""
    choose_default(paris)
    people = [make_user(login, paris) for login in ("ann", "ben", "carl", "dora")]
    return [*people, make_user("hank", paris, home_by_hand=True)]


def test_the_preview_names_who_would_move_and_moves_nobody(crowd: list[User], tokyo: Server, rio: Server) -> None:
    make_rule("A", tokyo, login_pattern="^(a|h)")
    make_rule("B", rio, login_pattern="^b")
    run = preview()
    assert (run.state, run.total, run.looked, run.movers) == (State.DONE, 4, 4, 2)
    assert moves(run) == {("ann", "paris", "tokyo"), ("ben", "paris", "rio")}
    assert not User.objects.exclude(home__name="paris").exists()


def test_recalculate_moves_them_and_notes_why(crowd: list[User], tokyo: Server) -> None:
    rule = make_rule("A", tokyo, login_pattern="^(a|h)")
    run = carry_out(preview())
    assert (run.state, run.moved) == (State.DONE, 1)
    assert list(User.objects.filter(home=tokyo).values_list("login", flat=True)) == ["ann"]
    assert Placement.objects.get(user__login="ann").rule == rule
    assert Placement.objects.get(user__login="ben").kind == Placement.Kind.DEFAULT
    assert not run.moves.filter(done=False).exists()


def test_only_people_whose_rules_have_changed_are_looked_at_again(
    crowd: list[User], paris: Server, tokyo: Server, rio: Server
) -> None:
    make_rule("A", tokyo, login_pattern="^a")
    make_rule("B", rio, login_pattern="^b")
    carry_out(preview())
    assert preview().total == 0
    assert preview(everybody=True).total == 4
    Rule.objects.filter(name="B").update(home=paris)
    assert preview().total == 3  # not Ann, whose rule stands before it
    Rule.objects.filter(name="B").update(home=rio)
    assert preview().total == 0
    choose_default(tokyo)
    assert preview().total == 2


def test_rules_that_were_changed_since_the_preview_are_not_carried_out(crowd: list[User], tokyo: Server) -> None:
    rule = make_rule("A", tokyo, login_pattern="^a")
    run = preview()
    Rule.objects.filter(pk=rule.pk).update(login_pattern="^b")
    with pytest.raises(runs.NotPossible, match="The rules were changed since this preview"):
        runs.carry_out(run.pk, ADA)
    Rule.objects.filter(pk=rule.pk).update(login_pattern="^a")
    runs.carry_out(run.pk, ADA)
    Rule.objects.filter(pk=rule.pk).update(login_pattern="^b")  # before the worker came to it
    assert work(run).state == State.FAILED
    assert "The rules were changed" in run.last_error
    assert not User.objects.filter(home=tokyo).exists()


def test_whoever_changed_since_the_preview_is_where_he_belongs_now(
    crowd: list[User], tokyo: Server, rio: Server
) -> None:
    make_rule("A", tokyo, login_pattern="^[ab]")
    make_rule("B", rio, email_pattern="^new")
    run = preview()
    ann, ben, carl = crowd[:3]
    User.objects.filter(pk=ann.pk).update(login="x-ann")  # no rule matches her any more
    User.objects.filter(pk=ben.pk).update(home=rio, home_by_hand=True)
    User.objects.filter(pk=carl.pk).update(email="new@x.example")
    with transaction.atomic():
        signals.people_changed.send(User, ids={ann.pk, ben.pk, carl.pk})
    run = carry_out(run)
    assert (run.movers, run.moved) == (2, 0)
    homes = dict(User.objects.values_list("pk", "home__name"))
    assert [homes[each.pk] for each in (ann, ben, carl)] == ["paris", "rio", "rio"]


def test_nobody_moves_who_was_not_in_the_preview(crowd: list[User], tokyo: Server) -> None:
    make_rule("A", tokyo, login_pattern="^a")
    run = preview()
    User.objects.filter(login="ben").update(login="abel")  # past everything that would say so
    run = carry_out(run)
    assert run.moved == 1
    assert preview().movers == 1


def test_a_recalculation_is_cancelled_and_resumed_where_it_was(
    crowd: list[User], tokyo: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rule("All", tokyo, login_pattern=".")
    run = preview()
    monkeypatch.setattr(runs, "PIECE", 1)
    runs.carry_out(run.pk, ADA)
    row = leases.claim(runs.due(), "test")
    assert row is not None
    job = Job(row)
    runs._move(job, ruleset.in_force().people)
    runs.cancel(run.pk, BO)
    with pytest.raises(leases.LostLease):
        runs._move(job, ruleset.in_force().people)
    run.refresh_from_db()
    assert (run.state, run.moved, run.last_error) == (State.FAILED, 1, "Cancelled by Bo.")
    assert User.objects.filter(home=tokyo).count() == 1
    with pytest.raises(runs.NotPossible, match="ended"):
        runs.cancel(run.pk, BO)
    runs.resume(run.pk, ADA)
    assert (work(run).state, run.moved, run.looked) == (State.DONE, 4, 4)
    assert User.objects.filter(home=tokyo).count() == 4


def test_two_runs_do_not_meet(crowd: list[User], tokyo: Server) -> None:
    make_rule("All", tokyo, login_pattern=".")
    first = runs.start("Ada")
    second = runs.start("Bo")
    first.refresh_from_db()
    assert (first.state, first.last_error) == (State.FAILED, "A newer preview took its place.")
    with pytest.raises(runs.NotPossible, match="newer preview"):
        runs.resume(first.pk, ADA)
    with pytest.raises(runs.NotPossible, match="not ready"):
        runs.carry_out(second.pk, BO)
    work(second)
    runs.carry_out(second.pk, BO)
    with pytest.raises(runs.NotPossible, match="is running"):
        runs.start("Ada")
    with pytest.raises(runs.NotPossible, match="carried out already"):
        runs.carry_out(second.pk, BO)


ATOMS = ["a", "b", "^a", "b$", "ab", "[ab]c", "."]
rules = st.lists(
    st.tuples(st.sampled_from(["login_pattern", "email_pattern"]), st.sampled_from(ATOMS), st.integers(0, 2)),
    max_size=5,
)
logins = st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules, rules, logins, st.none() | st.integers(0, 2), st.integers(1, 4))
def test_the_preview_equals_the_outcome(
    paris: Server,
    tokyo: Server,
    rio: Server,
    before: list[tuple[str, str, int]],
    after: list[tuple[str, str, int]],
    logins: list[str],
    default: int | None,
    piece: int,
) -> None:
    servers = [paris, tokyo, rio]
    for model in (Recalculation, Placement, User, Rule, Default):
        model.objects.all().delete()
    if default is not None:
        choose_default(servers[default])
    User.objects.bulk_create(User(login=login, name="N", email=f"{login}@x.example", home=paris) for login in logins)
    for field, pattern, home in before:
        make_rule(f"{Rule.objects.count()}", servers[home], **{field: pattern})
    placing.place(set(User.objects.values_list("pk", flat=True)))
    Rule.objects.all().delete()
    for field, pattern, home in before[:1] + after:
        make_rule(f"{Rule.objects.count()}", servers[home], **{field: pattern})
    stood = dict(User.objects.values_list("login", "home__name"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "PIECE", piece)
        run = preview()
        said = moves(run)
        run = carry_out(run)

    stands = dict(User.objects.values_list("login", "home__name"))
    assert said == {(login, stood[login], stands[login]) for login in stood if stood[login] != stands[login]}
    engine = ruleset.in_force().people
    for row in facts.rows(facts.placeable(), engine):
        assert row.home == (engine.explain(row.person).decision.home or row.home)
    assert not facts.outdated(engine).exists()
    assert run.moved == run.movers == Move.objects.filter(run=run, done=True).count()
