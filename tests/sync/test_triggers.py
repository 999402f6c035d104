"""The database stamps every change of something shared, whoever makes it, and nothing else (R25-R27)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.sync import feed, triggers
from posthouse.sync.shared import SHARED
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(paris_too: Server) -> User:
    return make_user("dora", paris_too)


@pytest.fixture
def paris_too(transactional_db: None) -> Server:
    return Server.objects.create(name="paris", host="paris.example", is_self=True)


def number(user: User) -> int:
    return User.objects.values_list("change", flat=True).get(pk=user.pk)


def test_a_new_row_gets_the_next_number(person: User) -> None:
    assert number(person) == feed.counter() > 1
    before = feed.counter()
    server = Server.objects.create(name="rio", host="rio.example")
    server.refresh_from_db()
    assert server.change == feed.counter() > before


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


def test_a_stale_object_cannot_set_a_number_back(person: User) -> None:
    stale = User.objects.get(pk=person.pk)
    User.objects.filter(pk=person.pk).update(name="Dora B.")
    stale.name, before = "Dora B.", number(person)
    stale.save()
    assert number(person) > before


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
    assert all(change > before for change in User.objects.filter(name="U").values_list("change", flat=True))
    between = feed.counter()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET name = 'V' WHERE name = 'U'")
    assert all(change > between for change in User.objects.filter(name="V").values_list("change", flat=True))


def test_a_deleted_row_raises_the_counter(person: User) -> None:
    before = feed.counter()
    person.delete()
    assert feed.counter() > before


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
    "servers": {"is_self", "version", "created_at", "change"},
    "users": {"local", "created_at", "change"},
}


@pytest.mark.parametrize("shared", SHARED, ids=lambda shared: shared.name)
def test_every_column_is_either_shared_or_known_to_be_each_servers_own(shared: object) -> None:
    columns = {field.attname for field in shared.model._meta.concrete_fields}  # type: ignore[attr-defined]
    assert columns == {*shared.fields} | OWN[shared.name]  # type: ignore[attr-defined]
