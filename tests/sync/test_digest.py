"""Buckets are kept up to date by what has changed, and are what a slow look at every row would make of them (D9)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.cluster.models import Server
from posthouse.sync import digest, lines
from posthouse.sync.models import Bucket, Change, Digest
from posthouse.sync.shared import SHARED, Shared

pytestmark = pytest.mark.django_db(transaction=True)

# What databases and line formats stumble over; PostgreSQL takes no NUL.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\\N", "\\", "\t", "a\tb\\t", "\r\n", "'", '"', "%s", "ä€😀", "\\\\N\n"]
)
TIMES = st.none() | st.integers(10**15, 2 * 10**15).map(
    lambda micro: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micro)
)
PEOPLE = [UUID(int=(n << 80) | 0x7000_8000_0000_0000_0000 | n % 3) for n in range(1, 7)]
GROUPS = [UUID(int=(n << 80) | 0x7000_8000_0000_0000_0000) for n in range(11, 14)]
HOMES = [None, UUID(int=99)]

WRITES = st.one_of(
    st.tuples(st.just("user"), st.sampled_from(PEOPLE), TEXT, st.booleans(), st.sampled_from(HOMES), TIMES),
    st.tuples(st.just("group"), st.sampled_from(GROUPS), TEXT, TIMES),
    st.tuples(st.just("join"), st.sampled_from(PEOPLE), st.sampled_from(GROUPS), st.booleans()),
    st.tuples(st.just("leave"), st.sampled_from(PEOPLE), st.sampled_from(GROUPS)),
    st.tuples(st.just("delete"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("local"), st.sampled_from(PEOPLE), st.booleans()),
    st.tuples(st.just("look")),
)


def carry_out(write: tuple[Any, ...]) -> None:
    match write:
        case ("user", key, text, flag, home, removed_at):
            facts = {"name": text, "email": text, "is_active": flag, "home_id": home, "removed_at": removed_at}
            User.objects.update_or_create(
                id=key, defaults=facts | {"quota": len(text) or None}, create_defaults=facts | {"login": key.hex}
            )
        case ("group", key, text, removed_at):
            Workgroup.objects.update_or_create(
                id=key, defaults={"description": text, "name": key.hex, "removed_at": removed_at}
            )
        case ("join", user, group, flag):
            Membership.objects.update_or_create(user_id=user, workgroup_id=group, defaults={"is_administrator": flag})
        case ("leave", user, group):
            Membership.objects.filter(user_id=user, workgroup_id=group).delete()
        case ("delete", key):
            User.objects.filter(pk=key).delete()
        case ("local", key, flag):
            User.objects.filter(pk=key).update(local=flag)
        case ("look",):
            digest.fingerprint()


def told(value: Any) -> str:
    """Return a value as it stands in a line, the slow and obvious way."""
    match value:
        case None:
            return "\\N"
        case bool() | int():
            return str(int(value))
        case UUID():
            return value.hex
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        case list():
            return lines.escape("[" + ",".join(f'"{each}"' for each in value) + "]")
    return lines.escape(value)


def line(shared: Shared, row: Any) -> str:
    columns = [told(getattr(row, name)) for name in shared.fields]
    if shared.part:
        found = sorted((each.workgroup_id.hex, each.is_administrator) for each in row.memberships.all())
        columns.append(",".join(f"{key}{int(flag)}" for key, flag in found))
    return "\t".join(columns)


def slowly() -> dict[tuple[str, str], str]:
    """Return the digests of all buckets, the slow and obvious way."""
    texts: dict[tuple[str, str], str] = {}
    for shared in SHARED:
        for row in sorted(shared.rows().filter(removed_at=None), key=lambda row: row.pk.hex):
            place = (shared.name, row.pk.hex[-4:])
            texts[place] = texts.get(place, f"{place[0]} {place[1]}\n") + line(shared, row) + "\n"
    return {place: hashlib.sha256(text.encode()).hexdigest() for place, text in texts.items()}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WRITES, max_size=12))
def test_buckets_are_what_a_slow_look_at_every_row_would_make_of_them(writes: list[tuple[Any, ...]]) -> None:
    Server.objects.get_or_create(id=HOMES[1], defaults={"name": "paris", "host": "paris.example", "keys": ["k1", "k2"]})
    for write in writes:
        carry_out(write)
    root = digest.fingerprint().root
    assert digest.buckets() == slowly()
    assert root == digest.afresh()


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXT, min_size=1))
def test_any_text_survives_in_a_line(texts: list[str]) -> None:
    written = "\t".join(map(lines.escape, texts))
    assert not set(written) & set("\n\r")
    assert lines.split(written) == texts


@pytest.mark.parametrize("broken", ["", "x", "{0}\t", "{0}x", "g{0}", "{0}\\"])
def test_what_is_no_line_is_known(broken: str) -> None:
    groups = next(shared for shared in SHARED if shared.model is Workgroup)
    good = f"{'0' * 32}\tPress\t\teverybody\t\\N"
    assert lines.is_line(groups, good)
    assert not lines.is_line(groups, broken.format(good))


def test_one_change_computes_one_bucket(django_assert_max_num_queries: Any) -> None:
    User.objects.bulk_create([User(login=f"u{n}", name="U", email="u@example.com") for n in range(50)])
    digest.fingerprint()
    before = digest.buckets()
    person = User.objects.order_by("?")[0]
    User.objects.filter(pk=person.pk).update(name="V")
    with django_assert_max_num_queries(16):
        digest.fingerprint()
    after = digest.buckets()
    assert {place for place in {*before, *after} if before.get(place) != after.get(place)} == {
        ("users", person.pk.hex[-4:])
    }


def test_whoever_lost_the_race_to_write_the_digest_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, racing = digest._every, [True]

    def slow() -> dict[tuple[str, str], str]:
        found = real()
        if racing.pop() if racing else False:
            User.objects.create(login="late", name="L", email="l@example.com")
            digest.fingerprint()
        return found

    monkeypatch.setattr(digest, "_every", slow)
    assert digest.fingerprint().root == digest.afresh()
    assert digest.buckets() == slowly()


def test_once_a_day_all_is_computed_from_the_rows_even_if_no_trigger_saw_the_change() -> None:
    User.objects.create(login="dora", name="D", email="d@example.com")
    digest.fingerprint()
    Bucket.objects.update(digest="0" * 64)
    Digest.objects.update(root="0" * 64)
    assert digest.fingerprint().root != digest.afresh()
    Digest.objects.update(whole_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert digest.fingerprint().root == digest.afresh()
    assert digest.buckets() == slowly()


def test_a_list_that_was_shortened_too_far_is_no_reason_to_believe_old_buckets() -> None:
    digest.fingerprint()
    User.objects.create(login="dora", name="D", email="d@example.com")
    Change.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sync_counter SET floor = value")
    assert digest.fingerprint().root == digest.afresh()
