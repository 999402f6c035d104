"""Nobody sees what is not his."""

from __future__ import annotations

import pytest

from posthouse.packages import access
from tests.conftest import make_user
from tests.packages.conftest import upload


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


def test_the_sender_and_recipients_here_may_fetch_it_and_nobody_else(draft, alice, bob, dora, admin):
    package = upload(draft("dora", "bob"))
    allowed = {user for user in (alice, bob, dora, admin) if access.may_fetch(user, package.pk)}
    assert allowed == {alice, dora}, "bob fetches it at tokyo; administrators have no right to contents"


def test_nothing_can_be_fetched_before_all_of_it_is_there(draft, alice, dora):
    package = draft("dora")
    assert access.may_fetch(alice, package.pk) is None
    assert access.may_fetch(dora, package.pk) is None
    assert list(access.visible_to(alice)) == [package]
    assert list(access.visible_to(dora)) == []


def test_a_package_is_listed_once_for_its_sender_who_is_also_a_recipient(draft, alice):
    upload(draft("alice"))
    assert access.visible_to(alice).count() == 1


def test_only_administrators_get_the_list_of_all(draft, alice, admin):
    package = draft()
    assert list(access.listed_for(admin)) == [package]
    assert list(access.listed_for(alice)) == []
    assert list(access.visible_to(admin)) == []
