"""People are made, changed and found under rules that hold on every path."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from posthouse.accounts import naming, people
from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from tests.conftest import PASSWORD, make_user


def create(**values: object) -> User:
    return people.create(**{"login": "dora", "name": "Dora Diaz", "email": "dora@example.com"} | values)  # type: ignore[arg-type]


def refusal(**values: object) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        create(**values)
    return caught.value.message_dict


def test_a_new_person_lives_here_unless_told_otherwise(paris: Server, tokyo: Server) -> None:
    assert create(password=PASSWORD).home == paris
    erik = create(login="erik", home=tokyo)
    assert erik.home == tokyo
    assert erik.home_by_hand
    assert not erik.has_usable_password()


@pytest.mark.parametrize("email", ["dora@posthouse.local", "dora@localhost", "d.o+ra@xn--bcher-kva.example"])
def test_addresses_of_private_networks_are_taken(paris: Server, email: str) -> None:
    assert create(email=email).email == email


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"email": "dora"}, "email", "valid email address"),
        ({"login": ""}, "login", "blank"),
        ({"login": "dora diaz"}, "login", "has no spaces"),
        ({"login": "dora,bob"}, "login", "no comma"),
        ({"login": "do\x00ra"}, "login", "U+0000"),
        ({"name": "Dora\nDiaz"}, "name", "U+000A"),
        ({"name": "Dora \u202eziaD"}, "name", "U+202E"),  # shows the rest from right to left
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"password": "short"}, "password", "at least 10"),
        ({"password": "password123"}, "password", "too common"),
        ({"password": "dora@example.com"}, "password", "too similar"),
        ({"role": "emperor"}, "role", "not a valid choice"),
    ],
)
def test_what_is_not_allowed_is_refused_beside_its_field(
    paris: Server, values: dict[str, object], field: str, words: str
) -> None:
    assert words in " ".join(refusal(**values)[field])
    assert not User.objects.exists()


def test_names_in_any_script_are_taken(paris: Server) -> None:
    assert create(login="zoë", name="Zoë Œuvre 李雷 🐎").name == "Zoë Œuvre 李雷 🐎"
    assert create(login="ali", name="علي").name == "علي"


def test_a_user_name_is_taken_whatever_its_case_or_its_spelling_in_unicode(paris: Server) -> None:
    create()
    assert "Capital letters" in str(refusal(login="DORA"))
    assert "Capital letters" in str(refusal(login="\uff44ora"))  # full-width d


def test_capitals_beyond_ascii_make_no_difference_on_any_database(client: Client, paris: Server) -> None:
    made = create(login="Élan.Öz", password=PASSWORD)
    assert made.login == "Élan.Öz".replace("É", "é").replace("Ö", "ö")
    assert "Capital letters" in str(refusal(login="élan.öz"))
    assert "Capital letters" in str(refusal(login="ÉLAN.ÖZ"))
    for typed in ("Élan.Öz", "ÉLAN.ÖZ", "élan.öz"):
        assert naming.find([typed]).people == {"élan.öz": made}
        assert client.login(username=typed, password=PASSWORD)
    made.login = "ÉLAN.Åz"
    assert people.save(made).login == "éLAN.åz"


def test_names_from_before_are_brought_into_the_form_in_which_they_are_looked_for(paris: Server) -> None:
    rows = [User(login=login, name="E", email="e@example.com", home=paris) for login in ("Émil", "plain", "Zoë")]
    User.objects.bulk_create(rows)
    twin = make_user("twin", paris)
    if connection.vendor == "sqlite":  # PostgreSQL never let it in
        User.objects.filter(pk=twin.pk).update(login="émil")
    migration = import_module("posthouse.accounts.migrations.0014_login_form")
    migration.bring_into_form(apps, None)
    assert sorted(User.objects.values_list("login", flat=True)) == (
        ["Zoë", "plain", "émil", "émil-2"] if connection.vendor == "sqlite" else ["Zoë", "plain", "twin", "émil"]
    )


def test_a_removed_persons_name_is_free_again(paris: Server) -> None:
    User.objects.filter(pk=create().pk).update(removed_at=timezone.now())
    assert create().pk


def test_a_local_account_may_have_a_shared_accounts_name(paris: Server) -> None:
    create()
    assert create(local=True).local
    assert "Capital letters" in str(refusal(local=True, login="Dora"))


def test_the_last_active_administrator_stays_one(admin: User, alice: User) -> None:
    for change in ({"role": User.Role.USER}, {"is_active": False}):
        for name, value in change.items():
            setattr(admin, name, value)
        with pytest.raises(ValidationError, match="last active administrator"):
            people.save(admin, changed=change)
        admin.refresh_from_db()
    alice.role = User.Role.ADMINISTRATOR
    people.save(alice, changed={"role"})
    admin.role = User.Role.USER
    people.save(admin, changed={"role"})
    assert not User.objects.get(pk=admin.pk).is_administrator


def test_an_administrator_who_is_off_does_not_count(admin: User, paris: Server) -> None:
    make_user("retired", paris, User.Role.ADMINISTRATOR, is_active=False)
    admin.is_active = False
    with pytest.raises(ValidationError, match="last active administrator"):
        people.save(admin, changed={"is_active"})


def test_only_the_changed_fields_are_written(alice: User) -> None:
    """Two administrators who edit the same person at once undo nothing of one another's."""
    stale = User.objects.get(pk=alice.pk)
    alice.email = "new@example.com"
    people.save(alice, changed={"email"})
    stale.name = "Alice Abbott"
    people.save(stale, changed={"name"})
    alice.refresh_from_db()
    assert (alice.name, alice.email) == ("Alice Abbott", "new@example.com")


def names(text: str) -> list[str]:
    return [user.login for user in people.matching(text)]


def test_people_are_found_by_the_start_of_any_of_their_names(paris: Server) -> None:
    create()
    create(login="d2", name="Ola Nordmann", email="x@example.com")
    assert names("DOR") == ["dora"]
    assert names("ola n") == ["d2"]
    assert names("X@") == ["d2"]
    assert names("d") == ["d2", "dora"]
    assert names("ra") == []
    assert names(" ") == ["d2", "dora"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "do%", "d_ra", "'"])
def test_the_signs_of_patterns_are_plain_letters(paris: Server, text: str) -> None:
    create()
    assert names(text) == []
    create(login=f"{text}x")
    assert names(text) == [f"{text}x"]


def test_the_search_reads_an_index_and_not_the_table(paris: Server) -> None:
    """100,000 users are looked through in a moment."""
    User.objects.bulk_create(
        User(login=f"user{number}", name=f"Name {number}", email=f"mail{number}@example.com", home=paris)
        for number in range(2_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_user")
    for field in ("login", "name", "email"):
        rows = User.objects.filter(**{f"{field}__prefix": "zzz"})
        plan = rows.explain()
        assert "user_" in plan, plan
        assert "SCAN" not in plan, plan
        assert "Seq Scan" not in plan, plan


def test_recipients_are_completed_from_active_shared_accounts(alice: User, bob: User, paris: Server) -> None:
    make_user("bobby", paris, is_active=False)
    make_user("bobo", paris, local=True)
    make_user("bono", paris)
    assert [user.login for user in people.complete("bo", 10, alice)] == ["bob", "bono"]
    assert [user.login for user in people.complete("bo", 1, alice)] == ["bob"]
    assert people.complete("ali", 10, alice) == []
    assert people.complete("", 10, alice) == []
