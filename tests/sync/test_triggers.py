"""The database stamps every change of something shared, whoever makes it, and nothing else (R25-R27)."""

from __future__ import annotations

import time
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.sync import digest, feed, triggers
from posthouse.sync.models import Change
from posthouse.sync.shared import SHARED
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(paris_too: Server) -> User:
    return make_user("dora", paris_too)


@pytest.fixture
def paris_too(transactional_db: None) -> Server:
    return Server.objects.create(name="paris", host="paris.example", is_self=True)


def number(row: User | Server | Workgroup) -> int:
    """Return the number of a row's newest change; 0: it is not listed."""
    return Change.objects.filter(key=row.pk).values_list("number", flat=True).first() or 0


def test_a_new_row_gets_the_next_number(person: User) -> None:
    assert number(person) == feed.counter() > 1
    before = feed.counter()
    server = Server.objects.create(name="rio", host="rio.example")
    assert number(server) == feed.counter() > before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", "dory"),
        ("name", "Dora D."),
        ("email", "d@example.com"),
        ("role", "administrator"),
        ("is_active", False),
        ("password", "!"),
        ("home", None),
        ("home_by_hand", True),
        ("removed_at", timezone.now()),
    ],
)
def test_a_change_of_a_shared_column_is_stamped(person: User, field: str, value: object) -> None:
    before = number(person)
    User.objects.filter(pk=person.pk).update(**{field: value})
    assert number(person) == feed.counter() > before


def test_writing_the_same_again_is_not_stamped(person: User) -> None:
    person.refresh_from_db()
    before = number(person)
    person.save()
    assert number(person) == before


def test_a_local_account_is_not_stamped(person: User) -> None:
    before = feed.counter()
    local = make_user("root", person.home, local=True)  # type: ignore[arg-type]
    User.objects.filter(pk=local.pk).update(name="Root")
    assert number(local) == 0
    assert feed.counter() == before


def test_an_account_that_ceases_to_be_local_is_stamped(person: User) -> None:
    local = make_user("root", person.home, local=True)  # type: ignore[arg-type]
    User.objects.filter(pk=local.pk).update(local=False)
    assert number(local) == feed.counter()


def test_rows_written_in_bulk_or_by_sql_are_stamped(person: User) -> None:
    before = feed.counter()
    User.objects.bulk_create([User(login=f"u{n}", name="U", email="u@example.com", password="!") for n in range(5)])
    assert all(number(user) > before for user in User.objects.filter(name="U"))
    between = feed.counter()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET name = 'V' WHERE name = 'U'")
    assert all(number(user) > between for user in User.objects.filter(name="V"))
    assert User.objects.filter(name="V").count() == 5


def test_a_deleted_row_stays_listed(person: User) -> None:
    before, key = feed.counter(), person.pk
    person.delete()
    assert Change.objects.get(key=key).number == feed.counter() > before


def test_whoever_joins_or_leaves_a_workgroup_has_changed_and_nobody_else(person: User) -> None:
    other, press = make_user("eve", servers.this()), Workgroup.objects.create(name="Press")
    numbers = [number(other), number(press)]
    membership = Membership.objects.create(user=person, workgroup=press)
    joined = number(person)
    assert joined == feed.counter() > max(numbers)
    Membership.objects.filter(pk=membership.pk).update(is_administrator=False)
    assert number(person) == joined, "nothing is different"
    Membership.objects.filter(pk=membership.pk).update(is_administrator=True)
    promoted = number(person)
    assert promoted > joined
    membership.delete()
    assert number(person) > promoted
    assert [number(other), number(press)] == numbers


def test_a_membership_that_is_given_to_somebody_else_changes_both(person: User) -> None:
    other, press = make_user("eve", servers.this()), Workgroup.objects.create(name="Press")
    Membership.objects.create(user=person, workgroup=press)
    before = feed.counter()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_membership SET user_id = '{other.pk.hex}'")
    assert min(number(person), number(other)) > before


def test_numbers_become_visible_in_their_own_order(person: User) -> None:
    """Two writers at once: whoever sees the number of one of them sees all below it."""
    wrong: list[tuple[int, int]] = []
    stop, writers = Event(), []

    def write(name: str) -> None:
        for n in range(15):
            make = User(login=f"{name}{n}", name="W", email="w@example.com", password="!")
            with transaction.atomic():
                make.save()
                time.sleep(0.002)
        connection.close()

    def watch() -> None:
        while not stop.is_set():
            newest = feed.counter()
            listed = Change.objects.filter(number__lte=newest).count()
            if Change.objects.filter(number__lte=newest).count() != listed:
                wrong.append((newest, listed))
        connection.close()

    watcher = Thread(target=watch)
    watcher.start()
    for name in "ab":
        writers.append(Thread(target=write, args=(name,)))
        writers[-1].start()
    for writer in writers:
        writer.join()
    stop.set()
    watcher.join()
    assert not wrong
    assert Change.objects.filter(number__gt=1).count() >= 31


def test_a_quiet_transaction_lists_nothing_and_the_next_one_does(person: User) -> None:
    before = feed.counter()
    with transaction.atomic(), triggers.quiet():
        User.objects.filter(pk=person.pk).update(name="X")
    assert (feed.counter(), number(person) > before) == (before, False)
    User.objects.filter(pk=person.pk).update(name="Y")
    assert number(person) == feed.counter() > before


def test_a_table_emptied_by_force_lists_all_that_it_had_or_shortens_the_list(person: User) -> None:
    before, key = feed.counter(), person.pk
    digest.fingerprint()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_user" if connection.vendor == "sqlite" else "TRUNCATE accounts_user CASCADE"
        )
    assert Change.objects.filter(key=key, number__gt=before).exists() or not feed.reaches(before)
    assert digest.fingerprint().root == digest.afresh()


def test_what_is_rolled_back_leaves_no_number_behind(person: User) -> None:
    before = feed.counter()
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(name="X")
        transaction.set_rollback(True)
    assert feed.counter() == before == number(person)


def test_installing_again_does_no_harm(person: User) -> None:
    before = feed.counter()
    triggers.install(connection)
    assert feed.counter() == before
    User.objects.filter(pk=person.pk).update(name="X")
    assert number(person) > before


OWN = {
    "servers": {"is_self", "known_keys", "version", "seats_used", "seats_limit", "created_at"},
    "workgroups": {"created_at"},
    "users": {"local", "created_at"},
    "rules": {"examples", "created_at"},
}


def test_a_part_has_no_other_columns_than_those_that_travel() -> None:
    for part in (shared.part for shared in SHARED if shared.part):
        columns = {field.attname for field in part.model._meta.concrete_fields}
        assert columns == {part.owner, part.key, *part.flags}


@pytest.mark.parametrize("shared", SHARED, ids=lambda shared: shared.name)
def test_every_column_is_either_shared_or_known_to_be_each_servers_own(shared: object) -> None:
    columns = {field.attname for field in shared.model._meta.concrete_fields}  # type: ignore[attr-defined]
    assert columns == {*shared.fields} | OWN.get(shared.name, set())  # type: ignore[attr-defined]
