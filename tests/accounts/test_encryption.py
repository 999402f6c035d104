"""Server > Configuration > Security: encryption at rest, always, never or by choice."""

from __future__ import annotations

import pytest
from django.urls import reverse

from posthouse.accounts.encryption import EncryptionRule
from posthouse.audit.models import Event
from posthouse.cluster.models import Server

When = EncryptionRule.When


def save(client, when):
    return client.post(reverse("accounts:security"), {"part": "encryption", "encryption-mode": when}, secure=True)


@pytest.mark.parametrize(
    ("when", "plain", "encrypted"), [(When.CHOICE, True, True), (When.ALWAYS, False, True), (When.NEVER, True, False)]
)
def test_the_rule_says_what_may_be_sent(when, plain, encrypted):
    rule = EncryptionRule(mode=when)
    assert [not rule.complaint(encrypted=one) for one in (False, True)] == [plain, encrypted]


def test_an_administrator_sets_it_and_it_is_written_down(client, admin):
    client.force_login(admin)
    assert EncryptionRule.in_force().mode == When.CHOICE
    assert save(client, "always").status_code == 302
    assert EncryptionRule.in_force().mode == When.ALWAYS
    assert "Packages are encrypted" in Event.objects.get(action="security.encryption").text
    page = client.get(reverse("accounts:security"), secure=True).content
    assert b'value="always" selected' in page


@pytest.mark.parametrize("when", ["", "sometimes"])
def test_what_is_none_of_the_three_is_refused(client, admin, when):
    client.force_login(admin)
    assert save(client, when).status_code == 200
    assert not EncryptionRule.objects.exists()


def test_only_administrators_set_it(client, alice):
    client.force_login(alice)
    assert save(client, "never").status_code in {302, 403}
    assert not EncryptionRule.objects.exists()


def test_on_a_slave_it_is_locked(client, admin, paris, tokyo):
    """M4."""
    Server.objects.filter(pk=paris.pk).update(role=Server.Role.SLAVE)
    Server.objects.filter(pk=tokyo.pk).update(role=Server.Role.MASTER)
    client.force_login(admin)
    page = client.get(reverse("accounts:security"), secure=True).content.decode()
    assert "the rule is the master" in page
    assert "encryption-mode" not in page
    assert save(client, "always").status_code == 403
    assert not EncryptionRule.objects.exists()
