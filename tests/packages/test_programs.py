"""The same lists and buttons for programs: JSON, with no more in it than the pages show."""

from __future__ import annotations

import pytest
from django.urls import reverse

from posthouse.packages import drafts
from posthouse.packages.models import Delivery
from tests.conftest import make_user
from tests.packages.conftest import upload

JSON = {"Accept": "application/json"}


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


@pytest.fixture
def erik(paris):
    return make_user("erik", paris)


@pytest.fixture
def ask(client):
    def ask(user, name, *args, method="get", **query):
        client.force_login(user)
        found = getattr(client, method)(reverse(f"packages:{name}", args=args), query, secure=True, headers=JSON)
        return found.status_code, found.json()

    return ask


def test_a_list_tells_a_program_what_it_shows(ask, draft, alice, dora):
    package = upload(draft("dora", title="Day 12"))
    _, sent = ask(alice, "sent")
    row = sent["packages"][0]
    assert (row["package"], row["title"], row["to"]) == (str(package.pk), "Day 12", ["Dora"])
    assert (row["recipients"], row["files"], row["size"], row["status"]) == (1, 1, 10, "Complete")
    _, received = ask(dora, "received")
    row = received["packages"][0]
    assert (row["from"], row["downloaded"]) == ("Alice", False)
    assert ask(dora, "archive") == (200, {"packages": [], "next": None})


def test_its_pages_follow_one_another_searched_or_not(ask, draft, alice, dora):
    for day in range(21):
        upload(draft("dora", title=f"Day {day}"))
    alice.rows = 20
    alice.save()
    for query in ({}, {"q": "day"}):
        _, first = ask(alice, "sent", **query)
        assert len(first["packages"]) == 20
        _, second = ask(alice, "sent", **dict(pair.split("=") for pair in first["next"].split("&")))
        assert [row["title"] for row in second["packages"]] == ["Day 0"]
        assert second["next"] is None


def test_a_program_is_told_of_no_private_recipient(ask, alice, admin, dora, erik):
    upload(drafts.create(alice, "T", "", ["dora"], [("a", 1)], private=["erik"]))
    assert ask(alice, "sent")[1]["packages"][0]["recipients"] == 2
    for user, name in ((dora, "received"), (admin, "all")):
        assert "Erik" not in str(ask(user, name)[1])
    assert ask(admin, "all")[1]["packages"][0]["recipients"] == 1


def test_a_button_answers_a_program_whether_something_was_done(ask, draft, alice, dora):
    package = upload(draft("dora", title="T"))
    assert ask(dora, "put", package.pk, "archive", method="post") == (
        200,
        {"done": True, "said": "“T” is in your archive."},
    )
    assert Delivery.objects.get().archived_at is not None
    status, told = ask(alice, "end", package.pk, "recall", method="post")
    assert (status, told["done"]) == (200, True)
    status, told = ask(alice, "end", package.pk, "recall", method="post")
    assert (status, told["done"]) == (409, False)
    assert "ended already" in told["said"]
    assert ask(alice, "release", package.pk, method="post")[0] == 409
