"""Before a package is sent, its sender is told who is meant, where it will go, and what is not allowed."""

from __future__ import annotations

import time

import pytest

from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.packages import addressing, drafts, limits
from posthouse.packages.addressing import Place
from posthouse.packages.models import OutsidePolicy
from tests.conftest import make_user


def test_the_way_is_told_by_server_with_this_one_first(alice, bob, carla, paris):
    make_user("ben", bob.home)
    way = addressing.where(alice, ["bob", "alice", "ben"], ["carla", "eve@outside.example"])
    assert (way.people, way.outside, way.errors) == (5, 1, [])
    assert way.places == [Place("paris", True, 2), Place("tokyo", False, 2), Place("rio", False, 1)]


def test_nobody_named_yet_is_no_complaint(alice):
    assert addressing.where(alice, [" "], []) == addressing.Way(0, 0, [], [])


def test_what_sending_would_refuse_is_refused_before(alice, bob):
    OutsidePolicy.objects.create(allowed=False)
    assert "not sent to outside" in addressing.where(alice, ["eve@outside.example"], []).errors[0]
    alice.permissions = "-everyone"
    assert "workgroups only" in addressing.where(alice, ["bob"], []).errors[0]
    assert addressing.where(alice, [f"x{n}" for n in range(100)], []).errors[-1] == "And 80 more like these."


def test_the_same_recipient_five_ways_is_one(alice, bob):
    group = Workgroup.objects.create(name="Editors")
    Membership.objects.create(user=bob, workgroup=group)
    five = ["bob", "BOB", " bob@example.com", "Bob@Example.COM", f"workgroup:{group.pk}"]
    assert addressing.where(alice, five, five).people == 1
    package = drafts.create(alice, "Rushes", "", five, [("a", 1)], private=five)
    assert [(one.recipient, one.private) for one in package.deliveries.all()] == [(bob, False)]


@pytest.mark.parametrize(
    ("typed", "good"),
    [
        ("eve+tag@outside.example", True),
        ("o'brien@outside.example", True),
        ("EVE@OUTSIDE.EXAMPLE", True),
        (f"{'a' * 64}@outside.example", True),
        ("eve@[192.0.2.1]", True),
        ("eve@münchen.example", True),
        ('"eve"@outside.example', True),
        ('"two words"@outside.example', False),
        ("eve@outside", False),
        ("eve@@outside.example", False),
        ("@outside.example", False),
        ("eve@", False),
        ("eve@out side.example", False),
        ("Eve <eve@outside.example>", False),
        ("eve@outside.example,bob", False),
        (f"eve@{'a.' * 130}example", False),
        ("eve@-outside.example", False),
        ("<script>@outside.example", False),
    ],
)
def test_addresses_of_every_odd_form_are_taken_or_named(alice, typed, good):
    way = addressing.where(alice, [typed], [])
    assert (way.people, len(way.errors)) == ((1, 0) if good else (0, 1))
    if good:
        package = drafts.create(alice, "Rushes", "", [typed], [("a", 1)])
        assert package.deliveries.get().email == typed.lower()


def test_a_pasted_list_is_understood_at_once(alice, bob, carla):
    found, errors = addressing.resolve(
        alice, ["BOB", "carla@example.com", "bob@example.com", "eve@outside.example", "x"]
    )
    assert [(one.login, one.home) for one in found] == [
        ("bob", "tokyo"),
        ("carla", "rio"),
        ("eve@outside.example", "paris"),
    ]
    assert len(errors) == 1


def test_ten_thousand_names_take_few_queries_and_seconds(alice, django_assert_max_num_queries):
    User.objects.bulk_create(
        User(login=f"u{n}", name=f"U {n}", email=f"u{n}@example.com", home=alice.home) for n in range(5_000)
    )
    many = [f"u{n}" for n in range(5_000)] + [f"eve{n}@outside.example" for n in range(5_000)]
    with django_assert_max_num_queries(100):
        began = time.monotonic()
        found, errors = addressing.resolve(alice, many)
        way = addressing.where(alice, many, [])
    assert (len(found), errors, way.people, way.outside) == (10_000, [], 10_000, 5_000)
    assert time.monotonic() - began < 20
    more = [*many, "one-more"]
    assert "10,001" in addressing.resolve(alice, more)[1][0]
    assert "10,001" in addressing.where(alice, more, []).errors[0]
    assert limits.RECIPIENTS == 10_000


def test_the_calls_answer_with_json_and_refuse_what_is_none(alice, bob, client):
    client.force_login(alice)
    place = "/aspera/faspex/packages/people/"
    answer = client.post(f"{place}where", {"recipients": ["bob"], "private": []}, "application/json", secure=True)
    assert answer.json()["places"] == [{"name": "tokyo", "here": False, "people": 1}]
    answer = client.post(f"{place}named", {"names": ["bob", "x"]}, "application/json", secure=True)
    assert [one["login"] for one in answer.json()["people"]] == ["bob"]
    for body in ("", "[]", "{}", '{"recipients": [1], "private": [], "names": 3}', "[" * 100_000):
        for call in ("where", "named"):
            assert client.post(f"{place}{call}", body, "application/json", secure=True).status_code == 400
