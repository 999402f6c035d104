"""Administrators keep accounts in the browser, on the master only (M3)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from tests.conftest import PASSWORD, make_user

LIST, NEW, ME = "accounts:list", "accounts:new", "accounts:me"


@pytest.fixture
def boss(client: Client, admin: User) -> Client:
    """The administrator, logged in."""
    client.force_login(admin)
    return client


@pytest.fixture
def slave(paris: Server, tokyo: Server) -> Server:
    """This server as a slave of tokyo."""
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    return paris


def values(home: Server, **changes: str) -> dict[str, str]:
    return {
        "name": "Dora Diaz",
        "login": "dora",
        "email": "dora@example.local",
        "role": "user",
        "home": str(home.pk),
        "is_active": "on",
        "password": "coach and horses",
    } | changes


def test_only_administrators_see_the_pages(client: Client, alice: User) -> None:
    client.force_login(alice)
    for name in (LIST, NEW):
        assert client.get(reverse(name), secure=True).status_code == 403
    assert client.get(reverse("accounts:edit", args=[alice.pk]), secure=True).status_code == 403
    assert reverse(LIST).encode() not in client.get(reverse(ME), secure=True).content


def test_an_account_that_was_made_can_log_in_where_its_home_is(boss: Client, paris: Server) -> None:
    answer = boss.post(reverse(NEW), values(paris), secure=True, follow=True)
    assert b"The account of Dora Diaz was made." in answer.content
    dora = User.objects.get(login="dora")
    assert dora.home_by_hand
    client = Client()
    form = {"username": "dora", "password": "coach and horses"}
    assert client.post(reverse("accounts:login"), form, secure=True).status_code == 302


def test_what_is_refused_is_said_beside_the_field_and_nothing_is_made(boss: Client, alice: User, paris: Server) -> None:
    bad = values(paris, login="ALICE", email="dora@", password="short")
    page = boss.post(reverse(NEW), bad, secure=True).content.decode()
    assert 'id="id_login_error"' in page
    assert "Another account has this user name" in page
    assert 'id="id_email_error"' in page
    assert "coach" not in page
    page = boss.post(reverse(NEW), values(paris, password="short"), secure=True).content.decode()
    assert 'id="id_password_error"' in page
    assert "at least 10 characters" in page
    assert not User.objects.filter(login="dora").exists()


def test_a_change_keeps_what_was_not_touched(boss: Client, alice: User, tokyo: Server) -> None:
    answer = boss.post(
        reverse("accounts:edit", args=[alice.pk]), values(tokyo, login="alice", password=""), secure=True, follow=True
    )
    assert b"was changed" in answer.content
    alice.refresh_from_db()
    assert (alice.name, alice.home, alice.home_by_hand) == ("Dora Diaz", tokyo, True)
    assert alice.check_password(PASSWORD)


def test_a_new_password_set_by_an_administrator_ends_the_persons_sessions(
    boss: Client, alice: User, paris: Server
) -> None:
    visitor = Client()
    visitor.force_login(alice)
    boss.post(reverse("accounts:edit", args=[alice.pk]), values(paris, login="alice"), secure=True)
    assert visitor.get(reverse(ME), secure=True).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password("coach and horses")


def test_an_administrator_who_sets_his_own_password_stays_in(boss: Client, admin: User, paris: Server) -> None:
    mine = values(paris, login="admin", role="administrator")
    assert boss.post(reverse("accounts:edit", args=[admin.pk]), mine, secure=True, follow=True).status_code == 200
    assert boss.get(reverse(LIST), secure=True).status_code == 200


@pytest.mark.parametrize("change", [{"role": "user"}, {"is_active": ""}])
def test_the_last_administrator_cannot_lock_everybody_out(
    boss: Client, admin: User, paris: Server, change: dict[str, str]
) -> None:
    form = values(paris, login="admin", role="administrator", password="") | change
    page = boss.post(reverse("accounts:edit", args=[admin.pk]), form, secure=True).content
    assert b"last active administrator" in page
    assert boss.get(reverse(LIST), secure=True).status_code == 200


def test_a_local_account_is_marked_and_keeps_its_server(boss: Client, paris: Server, tokyo: Server) -> None:
    local = make_user("rescue", paris, User.Role.ADMINISTRATOR, local=True)
    assert b"Local account" in boss.get(reverse(LIST), secure=True).content
    page = boss.get(reverse("accounts:edit", args=[local.pk]), secure=True).content
    assert b'name="home"' not in page
    boss.post(reverse("accounts:edit", args=[local.pk]), values(tokyo, login="rescue"), secure=True)
    local.refresh_from_db()
    assert local.home == paris


def test_the_list_finds_and_turns_pages_without_counting(
    boss: Client, paris: Server, django_assert_max_num_queries: object
) -> None:
    User.objects.bulk_create(
        User(login=f"user{number:03}", name=f"Name {number:03}", email=f"u{number}@example.com", home=paris)
        for number in range(120)
    )
    page = boss.get(reverse(LIST), {"q": "user"}, secure=True).content.decode()
    assert "user049" in page
    assert "user050" not in page
    assert 'href="?q=user&amp;page=2"' in page
    with django_assert_max_num_queries(13) as queries:  # type: ignore[operator]
        last = boss.get(reverse(LIST), {"q": "user", "page": "3"}, secure=True).content.decode()
    assert not [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"].upper()]
    assert "user119" in last
    assert "Next" not in last
    assert b"Nobody found" in boss.get(reverse(LIST), {"q": "zz"}, secure=True).content


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "²", "0" * 8 + "1" * 30, "0" * 5000])
def test_a_page_that_cannot_be_is_not_there(boss: Client, number: str) -> None:
    assert boss.get(reverse(LIST), {"page": number}, secure=True).status_code == 404


def test_hostile_searches_find_nobody(boss: Client) -> None:
    for text in ("\0", "%", "<script>alert(1)</script>", "' OR 1=1 --", "\ud800".encode("utf-8", "surrogatepass")):
        answer = boss.get(reverse(LIST), {"q": text}, secure=True)
        assert answer.status_code == 200
        assert b"<script>alert" not in answer.content


def test_a_slave_shows_accounts_and_says_where_to_change_them(boss: Client, alice: User, slave: Server) -> None:
    """M3."""
    listed = boss.get(reverse(LIST), secure=True).content.decode()
    assert f'href="https://tokyo.example{reverse(LIST)}"' in listed
    assert reverse(NEW) not in listed
    there = f"https://tokyo.example{reverse('accounts:edit', args=[alice.pk])}"
    shown = boss.get(reverse("accounts:edit", args=[alice.pk]), secure=True)
    assert f'href="{there}"' in shown.content.decode()
    assert b"alice@example.com" in shown.content
    assert b'name="email"' not in shown.content


def test_a_slave_refuses_changes(boss: Client, alice: User, slave: Server) -> None:
    """M3."""
    for url in (reverse(NEW), reverse("accounts:edit", args=[alice.pk])):
        answer = boss.post(url, values(slave, login="alice"), secure=True)
        assert answer.status_code == 403
        assert b"tokyo" in answer.content
    assert User.objects.count() == 2
    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_a_slaves_local_account_is_changed_on_the_slave(boss: Client, slave: Server) -> None:
    local = make_user("rescue", slave, User.Role.ADMINISTRATOR, local=True)
    boss.post(
        reverse("accounts:edit", args=[local.pk]), values(slave, login="rescue", role="administrator"), secure=True
    )
    local.refresh_from_db()
    assert local.name == "Dora Diaz"


def test_everybody_sees_his_own_account_and_changes_his_password(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert b"alice@example.com" in client.get(reverse(ME), secure=True).content
    wrong = {"present": "guess", "password": "a good secret", "again": "another one"}
    assert b"The two new passwords differ." in client.post(reverse(ME), wrong, secure=True).content
    wrong["again"] = wrong["password"]
    assert b"This is not your present password." in client.post(reverse(ME), wrong, secure=True).content
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_everybody_changes_his_own_name_but_not_his_address(client: Client, alice: User) -> None:
    """D5."""
    client.force_login(alice)
    form = {"change": "name", "name": " Alice Álvarez ", "email": "other@example.com", "role": "administrator"}
    assert b"Your name was changed." in client.post(reverse(ME), form, secure=True, follow=True).content
    alice.refresh_from_db()
    assert (alice.name, alice.email, alice.role) == ("Alice Álvarez", "alice@example.com", User.Role.USER)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "This field is required."),
        ("  ", "This field is required."),
        ("x" * 201, "at most 200 characters"),
        ("evil\u202egnp.exe", "U+202E cannot be seen"),
    ],
)
def test_a_name_that_is_not_allowed_is_refused_beside_its_field(
    client: Client, alice: User, name: str, sentence: str
) -> None:
    client.force_login(alice)
    page = client.post(reverse(ME), {"change": "name", "name": name}, secure=True).content.decode()
    assert sentence in page
    assert 'id="id_name_error"' in page
    assert User.objects.get(pk=alice.pk).name == "Alice"


def test_on_a_slave_that_is_not_his_home_an_administrator_is_told_where_to_change_his_account(
    client: Client, slave: Server, rio: Server
) -> None:
    """D5."""
    client.force_login(make_user("guest", rio, User.Role.ADMINISTRATOR))
    page = client.get(reverse(ME), secure=True).content.decode()
    assert f'href="https://rio.example{reverse(ME)}"' in page
    assert 'name="present"' not in page
    assert client.post(reverse(ME), {"change": "name", "name": "Other"}, secure=True).status_code == 403
    assert User.objects.get(login="guest").name == "Guest"


def test_a_slave_that_knows_no_master_yet_says_so(client: Client, slave: Server, tokyo: Server) -> None:
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.SLAVE)
    client.force_login(make_user("erin", slave))
    page = client.post(reverse(ME), {"change": "name", "name": "Other"}, secure=True).content
    assert b"does not know its master yet" in page
    assert User.objects.get(login="erin").name == "Erin"
