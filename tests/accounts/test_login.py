"""People log in at their home server, with a password."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts import backends
from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from tests.conftest import PASSWORD, make_user


def log_in(client: Client, login: str, password: str = PASSWORD, **more: str) -> HttpResponse:
    return client.post(reverse("accounts:login"), {"username": login, "password": password, **more}, secure=True)


def is_in(client: Client) -> bool:
    return client.get(reverse("accounts:me"), secure=True).status_code == 200


@pytest.mark.parametrize("login", ["alice", "ALICE", " Alice "])
def test_the_case_of_a_user_name_makes_no_difference(client: Client, alice: User, login: str) -> None:
    answer = log_in(client, login)
    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("packages:received")
    assert is_in(client)


def test_a_wrong_password_is_answered_as_an_unknown_name_is(client: Client, alice: User) -> None:
    wrong, unknown = log_in(client, "alice", "x"), log_in(client, "nobody", "x")
    assert b"The user name or the password is wrong" in wrong.content
    assert b"The user name or the password is wrong" in unknown.content
    assert not is_in(client)


def test_an_unknown_name_costs_as_much_time_as_a_wrong_password(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(backends, "make_password", lambda password: hashed.append(password))
    log_in(client, "nobody", "guess")
    assert hashed == ["guess"]
    log_in(client, "alice", "guess")
    assert hashed == ["guess"], "the check itself took the time"


def test_an_account_that_is_off_or_removed_is_refused(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert b"not active" in log_in(client, "alice").content
    User.objects.filter(pk=alice.pk).update(is_active=True, removed_at=timezone.now())
    assert b"wrong" in log_in(client, "alice").content
    assert not is_in(client)


def test_an_account_without_a_password_is_refused(client: Client, paris: Server) -> None:
    user = make_user("bot", paris)
    user.set_unusable_password()
    user.save()
    assert log_in(client, "bot", "").status_code == 200
    assert log_in(client, "bot", user.password).status_code == 200
    assert not is_in(client)


def test_a_local_account_gets_in_beside_a_shared_one_of_the_same_name(client: Client, admin: User) -> None:
    local = User(login="Admin", name="Emergency", email="root@localhost", local=True, role=User.Role.ADMINISTRATOR)
    local.set_password("a local secret")
    local.save()
    log_in(client, "admin", "a local secret")
    assert b"Emergency" in client.get(reverse("accounts:me"), secure=True).content
    log_in(Client(), "admin")
    other = Client()
    log_in(other, "admin")
    assert b"admin@example.com" in other.get(reverse("accounts:me"), secure=True).content


def test_a_user_of_another_server_is_told_where_to_go_and_gets_no_session(
    client: Client, paris: Server, bob: User
) -> None:
    """M1."""
    answer = log_in(client, "bob")
    assert answer.status_code == 403
    assert b"Your home server is tokyo" in answer.content
    assert f'href="https://tokyo.example{reverse("accounts:login")}"'.encode() in answer.content
    assert not is_in(client)


def test_nobody_learns_a_home_server_without_the_password(client: Client, paris: Server, bob: User) -> None:
    assert b"tokyo" not in log_in(client, "bob", "guess").content


def test_administrators_log_in_to_every_server(client: Client, paris: Server, tokyo: Server) -> None:
    """M1."""
    make_user("boss", tokyo, User.Role.ADMINISTRATOR)
    assert log_in(client, "boss").status_code == 302
    assert is_in(client)


def test_the_link_to_a_home_server_uses_its_own_port_and_namespace(client: Client, paris: Server, bob: User) -> None:
    Server.objects.filter(name="tokyo").update(port=8443, namespace="/post")
    assert b'href="https://tokyo.example:8443/post/login/"' in log_in(client, "bob").content


def test_log_in_leads_back_to_the_page_that_was_asked_for_but_never_away(client: Client, alice: User) -> None:
    asked = client.get(reverse("accounts:me"), secure=True)
    assert asked.headers["Location"] == f"{reverse('accounts:login')}?next={reverse('accounts:me')}"
    page = client.get(asked.headers["Location"], secure=True).content.decode()
    assert f'name="next" value="{reverse("accounts:me")}"' in page
    assert log_in(client, "alice", next=reverse("accounts:me")).headers["Location"] == reverse("accounts:me")
    away = log_in(Client(), "alice", next="https://evil.example/")
    assert away.headers["Location"] == reverse("packages:received")


def test_log_out_is_a_post(client: Client, alice: User) -> None:
    log_in(client, "alice")
    assert client.get(reverse("accounts:logout"), secure=True).status_code == 405
    assert is_in(client)
    client.post(reverse("accounts:logout"), secure=True)
    assert not is_in(client)


def test_log_in_writes_nothing_into_the_account(client: Client, alice: User) -> None:
    """Accounts are copied between servers: a log-in must not make a change to copy."""
    before = User.objects.filter(pk=alice.pk).values().get()
    log_in(client, "alice")
    assert User.objects.filter(pk=alice.pk).values().get() == before
