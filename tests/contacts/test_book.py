"""The address book: whom it remembers, and that it is its owner's alone."""

from __future__ import annotations

import pytest
import time_machine
from django.utils import timezone

from posthouse.accounts import naming
from posthouse.contacts import book, lists
from posthouse.contacts.models import Contact, PersonalList
from posthouse.homes import behind
from posthouse.packages import drafts, suggestions
from posthouse.packages.models import OutsidePolicy
from tests.conftest import make_user

EVE = "eve@outside.example"


def send(sender, *recipients, **more):
    return drafts.create(sender, "Rushes", "", recipients, [("a", 1)], **more)


def offered(typed, user):
    return [(one.login.split(":")[0], one.name, one.home) for one in suggestions.complete(typed, 8, user)]


def test_an_address_outside_is_remembered_when_it_is_sent_to_first(alice, bob):
    send(alice, "bob", "Eve@Outside.example", private=["frank@outside.example"])
    assert set(alice.contacts.values_list("email", flat=True)) == {EVE, "frank@outside.example"}
    assert not bob.contacts.exists()
    first = alice.contacts.get(email=EVE).used_at
    with time_machine.travel(timezone.now() + timezone.timedelta(days=1)):
        send(alice, EVE)
    assert alice.contacts.get(email=EVE).used_at > first
    assert alice.contacts.count() == 2


def test_nothing_is_remembered_of_a_package_that_was_refused(alice):
    with pytest.raises(drafts.Refused):
        send(alice, EVE, "nobody")
    assert not Contact.objects.exists()


def test_contacts_are_offered_to_their_owner_by_name_and_address(alice, bob, paris):
    Contact.objects.create(owner=alice, name="Eve Adams", email=EVE)
    for typed in ("eve", "EVE A", "eve@out"):
        assert offered(typed, alice) == [("eve@outside.example", "Eve Adams", "paris")]
    assert offered("eve", bob) == []
    alice.permissions = "-outside"
    assert offered("eve", alice) == []
    alice.permissions = ""
    OutsidePolicy.objects.create(allowed=False)
    assert offered("eve", alice) == []


def test_a_contact_that_has_an_account_by_now_is_offered_as_that_person(alice, bob):
    Contact.objects.create(owner=alice, name="Bobby", email=bob.email)
    assert offered("bob", alice) == [("bob", "Bob", "tokyo")]
    assert offered("bobby", alice) == []


def test_ten_thousand_new_addresses_are_remembered_in_few_queries(alice, django_assert_max_num_queries):
    with django_assert_max_num_queries(300):
        send(alice, *(f"u{n}@outside.example" for n in range(10_000)))
    assert alice.contacts.count() == 10_000


def test_a_full_address_book_remembers_no_more_and_stops_no_package(alice, monkeypatch):
    monkeypatch.setattr(book, "MOST", 2)
    send(alice, *(f"u{n}@outside.example" for n in range(5)))
    assert alice.contacts.count() == 2


def test_what_stays_behind_is_told_when_somebody_moves(alice, bob):
    book.add(alice, {EVE: "", "frank@outside.example": ""})
    people = type(alice).objects.filter(pk=alice.pk).values("pk")
    assert "2 external contacts" in [str(left) for left in behind.of(people)]


# Lists


@pytest.fixture
def cutters(alice, bob):
    found = PersonalList.objects.create(owner=alice, name="Cutters")
    lists.add(found, naming.typed(f"bob, Eve <{EVE}>"))
    return found


def test_what_is_typed_is_understood_however_it_is_separated():
    assert naming.typed('bob; "Adams, Eve" <EVE@x.org>\nCARLA\t, ,a b') == [
        ("bob", ""),
        ('"adams', ""),
        ("eve@x.org", "Eve"),
        ("carla", ""),
        ("a b", ""),
    ]


def test_people_and_addresses_come_onto_a_list_once_and_the_rest_is_named(alice, bob, carla, cutters):
    count, complaints = lists.add(cutters, naming.typed(f"BOB, bob@example.com, {EVE}, carla, nobody, a@@b"))
    assert (count, len(complaints)) == (1, 2)
    assert {str(member) for member in lists.members(cutters)} == {"Bob", "Carla", "Eve"}
    assert alice.contacts.get().name == "Eve"


def test_a_list_is_offered_and_sent_to_as_a_whole(alice, bob, cutters, paris):
    assert offered("cut", alice) == [("list", "Cutters", "")]
    (found,) = suggestions.complete("CUT", 8, alice)
    package = send(alice, found.login, "bob")
    assert {delivery.who for delivery in package.deliveries.all()} == {"Bob", EVE}
    private = send(alice, "bob", private=[found.login])
    assert {(one.who, one.private) for one in private.deliveries.all()} == {("Bob", False), (EVE, True)}


def test_nobody_sends_to_the_list_of_another_or_learns_of_it(alice, bob, cutters):
    assert offered("cut", bob) == []
    with pytest.raises(drafts.Refused, match="That list is not there"):
        send(bob, f"list:{cutters.pk}")


def test_a_list_is_no_way_around_what_its_owner_may_not(alice, bob, cutters):
    alice.permissions = "-everyone -outside"
    with pytest.raises(drafts.Refused) as caught:
        send(alice, f"list:{cutters.pk}")
    assert len(caught.value.errors["recipients"]) == 2


def test_people_who_have_left_are_passed_over_and_an_empty_list_is_refused(alice, bob, cutters, paris):
    type(bob).objects.filter(pk=bob.pk).update(is_active=False)
    package = send(alice, f"list:{cutters.pk}")
    assert [one.who for one in package.deliveries.all()] == [EVE]
    empty = PersonalList.objects.create(owner=alice, name="Empty")
    with pytest.raises(drafts.Refused, match="Nobody is on the list Empty"):
        send(alice, f"list:{empty.pk}")


def test_a_list_holds_so_many_and_says_so(alice, paris, monkeypatch):
    monkeypatch.setattr(lists, "MEMBERS", 3)
    found = PersonalList.objects.create(owner=alice, name="Full")
    count, complaints = lists.add(found, [(f"u{n}@outside.example", "") for n in range(5)])
    assert (count, found.members.count(), len(complaints)) == (3, 3, 1)
    make_user("dora", paris)
    assert lists.add(found, [("dora", "")])[0] == 0
