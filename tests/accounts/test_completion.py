"""Completion of recipients: in which order people are found, and who may find whom."""

from __future__ import annotations

import pytest

from posthouse.accounts import people
from posthouse.accounts.models import Membership, User, Workgroup
from tests.conftest import make_user


def logins(typed, user, limit=8):
    return [person.login for person in people.complete(typed, limit, user)]


@pytest.fixture
def crowd(paris):
    for login, name in [("ann", "Zoe"), ("ben", "Anna"), ("cy", "Cy"), ("dan", "Dan")]:
        make_user(login, paris)
        User.objects.filter(login=login).update(name=name, email=f"{login}.an@example.com")
    User.objects.filter(login="cy").update(email="an-other@example.com")


def test_user_names_come_before_names_and_addresses_and_nobody_comes_twice(alice, crowd):
    assert logins("an", alice) == ["ann", "ben", "cy"]
    assert logins("AN", alice, limit=2) == ["ann", "ben"]
    assert logins("ann", alice) == ["ann", "ben"]
    assert logins(" ", alice) == logins("an", alice, limit=0) == []


def test_capital_letters_and_signs_of_patterns_make_no_difference(alice, paris):
    make_user("ümit_x", paris)
    make_user("umitax", paris)
    assert logins("ümit_", alice) == ["ümit_x"]
    assert logins("umit_", alice) == []
    assert logins("umit%", alice) == []


@pytest.mark.parametrize("few", [0, 2_000])
def test_who_reaches_his_workgroups_only_finds_the_people_in_them_however_many_they_are(alice, crowd, monkeypatch, few):
    monkeypatch.setattr(people, "FEW", few)
    alice.permissions = "-everyone"
    assert logins("an", alice) == []
    first, second = (Workgroup.objects.create(name=name) for name in ("First", "Second"))
    for login, group in [("alice", first), ("ben", first), ("ann", second)]:
        Membership.objects.create(user=User.objects.get(login=login), workgroup=group)
    assert logins("an", alice) == ["ben"]
    Membership.objects.create(user=alice, workgroup=second)
    assert logins("an", alice) == ["ann", "ben"]
    Workgroup.objects.filter(pk=second.pk).update(removed_at=alice.created_at)
    assert logins("an", alice) == ["ben"]


def test_who_may_not_look_people_up_finds_only_what_he_has_typed_whole(alice, crowd):
    alice.permissions = "-directory"
    assert logins("an", alice) == logins("Zoe", alice) == []
    assert logins("ANN", alice) == ["ann"]
    assert logins("an-other@example.com", alice) == ["cy"]
    alice.permissions = "-directory -everyone"
    assert logins("ann", alice) == []


def test_nobody_finds_himself_local_accounts_or_people_who_are_gone(alice, paris):
    make_user("alfons", paris, local=True)
    make_user("alma", paris, is_active=False)
    for permissions in ("", "-directory"):
        alice.permissions = permissions
        assert [logins(typed, alice) for typed in ("al", "alice", "alfons", "alma")] == [[], [], [], []]
