"""As recipients are typed, whom the sender may reach is suggested, and where the package will go."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.packages import drafts, suggestions
from posthouse.packages.models import OutsidePolicy


@pytest.fixture
def editors(alice: User, bob: User, carla: User) -> Workgroup:
    group = Workgroup.objects.create(name="Editors")
    for person in (alice, bob):
        Membership.objects.create(user=person, workgroup=group)
    return group


def names(typed: str, user: User) -> list[tuple[str, str]]:
    return [(one.name, one.home) for one in suggestions.complete(typed, 8, user)]


def test_people_and_workgroups_are_found_by_how_they_begin(alice, bob, editors):
    assert names("bo", alice) == [("Bob", "tokyo")]
    assert names("ed", alice) == [("Editors", "")]
    assert names("nobody", alice) == []


def test_a_workgroup_is_sent_to_as_a_whole_but_not_to_who_sends(alice, bob, editors):
    (group,) = suggestions.complete("Edit", 8, alice)
    package = drafts.create(alice, "Rushes", "", [group.login, "bob"], [("a", 1)])
    assert [delivery.recipient for delivery in package.deliveries.all()] == [bob]


@pytest.mark.parametrize(
    ("senders", "by_member", "by_leader", "by_stranger"),
    [("everybody", True, True, True), ("members", True, True, False), ("administrators", False, True, False)],
)
def test_who_may_send_to_a_workgroup_is_its_own_affair(
    alice, bob, carla, editors, senders, by_member, by_leader, by_stranger
):
    Workgroup.objects.update(senders=senders)
    Membership.objects.filter(user=bob).update(is_administrator=True)
    for person, may in ((alice, by_member), (bob, by_leader), (carla, by_stranger)):
        assert bool(names("Editors", person)) == may
        if not may:
            with pytest.raises(drafts.Refused, match="you may not send to it"):
                drafts.create(person, "Rushes", "", [f"workgroup:{editors.pk}"], [("a", 1)])


def test_an_address_outside_is_offered_when_it_is_whole_and_allowed(alice, bob):
    assert names("eve@outside", alice) == []
    assert names("Eve@Outside.example", alice) == [("eve@outside.example", "paris")]
    assert names("bob@example.com", alice) == [("Bob", "tokyo")]
    alice.permissions = "-outside"
    assert names("eve@outside.example", alice) == []
    alice.permissions = ""
    OutsidePolicy.objects.create(allowed=False)
    assert names("eve@outside.example", alice) == []
