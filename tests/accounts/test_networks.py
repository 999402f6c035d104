"""From which networks people and administrators get in."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from posthouse.accounts import networks
from posthouse.accounts.models import User
from posthouse.accounts.sessions import user_for_cookie
from tests.accounts.test_login import is_in, log_in
from tests.accounts.test_security import sign_in
from tests.accounts.test_sessions import cookie


@pytest.mark.parametrize(
    ("text", "address", "allowed"),
    [
        ("", "192.0.2.1", True),
        ("192.0.2.0/24", "192.0.2.1", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.0/24\n2001:db8::/32", "2001:db8::1", True),
        ("192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("2001:db8::/32", "fe80::1%eth0", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "", False),
        ("0.0.0.0/0", "nonsense", False),
    ],
)
def test_networks(text: str, address: str, allowed: bool) -> None:
    assert networks.allows(text, address) is allowed


@pytest.mark.parametrize("text", ["paris", "192.0.2.1/24", "192.0.2.0/33", "10.0.0.0/8 x", "1" * 300])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValidationError, match="is no network"):
        networks.check_networks(text)


def test_nobody_gets_in_from_another_network_and_nothing_is_told_about_accounts(alice: User) -> None:
    sign_in(networks="192.0.2.0/24")
    outside, inside = Client(REMOTE_ADDR="198.51.100.1"), Client(REMOTE_ADDR="192.0.2.5")
    for login in ("alice", "nobody"):
        assert b"From your network (198.51.100.1) nobody may log in" in log_in(outside, login).content
    assert not is_in(outside)
    log_in(inside, "alice")
    assert is_in(inside)


def test_a_session_is_of_no_use_in_another_network(client: Client, alice: User) -> None:
    log_in(client, "alice")
    sign_in(networks="192.0.2.0/24")
    answer = client.get(reverse("packages:received"), secure=True)
    assert answer.status_code == 403
    assert b"Not from this network" in answer.content
    assert user_for_cookie(cookie(client), "127.0.0.1") is None
    assert user_for_cookie(cookie(client), "192.0.2.5") == alice
    assert client.post(reverse("accounts:logout"), secure=True).status_code == 302


def test_administrators_have_networks_of_their_own(alice: User, admin: User) -> None:
    sign_in(networks="192.0.2.0/24", administrator_networks="198.51.100.0/24")
    office, cellar = Client(REMOTE_ADDR="192.0.2.5"), Client(REMOTE_ADDR="198.51.100.5")
    assert b"administrators may not log in" in log_in(office, "admin").content
    log_in(office, "alice")
    assert is_in(office)
    assert b"nobody may log in" in log_in(cellar, "alice").content
    log_in(cellar, "admin")
    assert is_in(cellar)
