"""The pages on which a sender ends a package or changes its terms, and a recipient puts it aside or passes it on."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from posthouse.audit.models import Event
from posthouse.packages.models import Package, Policy
from tests.conftest import make_user
from tests.packages.conftest import upload


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


@pytest.fixture
def ask(client):
    def ask(user, method, name, *args, **data):
        client.force_login(user)
        address = reverse(f"packages:{name}", args=args)
        return getattr(client, method)(address, data, secure=True, **({"follow": True} if method == "post" else {}))

    return ask


def test_a_sender_recalls_his_package_after_he_was_asked(ask, draft, alice, dora):
    package = upload(draft("dora"))
    assert "cannot be undone" in ask(alice, "get", "end", package.pk, "recall").content.decode()
    assert "was recalled" in ask(alice, "post", "end", package.pk, "recall").content.decode()
    assert ask(dora, "get", "detail", package.pk).status_code == 404
    assert "Recalled" in ask(alice, "get", "sent").content.decode()
    event = Event.objects.get(action="package.recalled")
    assert (event.actor, event.subject_id) == ("Alice", package.pk)
    assert "ended already" in ask(alice, "post", "end", package.pk, "recall").content.decode()


@pytest.mark.parametrize(
    ("name", "more"), [("end", ["recall"]), ("expiry", []), ("release", []), ("put", ["archive"]), ("forward", [])]
)
def test_to_strangers_there_is_no_such_package(ask, draft, paris, name, more):
    package = upload(draft("alice"))
    erik = make_user("erik", paris)
    assert ask(erik, "post", name, package.pk, *more).status_code == 404


def test_a_recipient_decides_nothing_about_the_package(ask, draft, dora):
    package = upload(draft("dora"))
    for name, more in (("end", ["recall"]), ("expiry", []), ("release", [])):
        assert ask(dora, "post", name, package.pk, *more).status_code == 404


def test_an_administrator_deletes_without_seeing(ask, draft, admin, dora):
    package = upload(draft("dora"))
    assert "was deleted" in ask(admin, "post", "end", package.pk, "delete").content.decode()
    assert ask(admin, "get", "detail", package.pk).status_code == 404


def test_the_copy_at_another_server_is_not_ended_there(ask, draft, alice, dora, tokyo):
    package = upload(draft("dora"))
    Package.objects.update(origin=tokyo)
    assert ask(alice, "post", "end", package.pk, "recall").status_code == 404


def test_archived_is_aside_and_deleted_is_gone(ask, draft, dora):
    package = upload(draft("dora", title="Day 12"))
    ask(dora, "post", "put", package.pk, "archive")
    assert "Day 12" not in ask(dora, "get", "received").content.decode().split("<main")[1].split("packages-table")[-1]
    assert "Day 12" in ask(dora, "get", "archive").content.decode()
    ask(dora, "post", "put", package.pk, "back")
    assert "Day 12" in ask(dora, "get", "received").content.decode()
    assert "The other recipients keep" in ask(dora, "get", "put", package.pk, "delete").content.decode()
    assert ask(dora, "get", "put", package.pk, "archive").status_code == 405
    ask(dora, "post", "put", package.pk, "delete")
    assert ask(dora, "get", "detail", package.pk).status_code == 404
    assert ask(dora, "post", "put", package.pk, "burn").status_code == 404


def test_the_end_is_changed_within_the_policy(ask, draft, alice, dora):
    package = upload(draft("dora"))
    today = timezone.now().date()
    ask(alice, "post", "expiry", package.pk, day=str(today + timedelta(days=3)))
    package.refresh_from_db()
    assert package.expires_at.date() == today + timedelta(days=4), "it ends at midnight after that day"
    for day, words in ((today - timedelta(days=1), "is over"), ("never", "valid date")):
        assert words in ask(alice, "post", "expiry", package.pk, day=str(day)).content.decode()
    Policy.objects.create(keep_days=5, most_days=10)
    assert "10 days at most" in ask(alice, "post", "expiry", package.pk, day="").content.decode()


def test_a_package_that_waits_is_released(ask, draft, alice, dora):
    package = draft("dora")
    Package.objects.update(release_at=timezone.now() + timedelta(days=1))
    upload(package)
    assert ask(dora, "get", "detail", package.pk).status_code == 404
    assert "nobody can fetch it before" in ask(alice, "get", "detail", package.pk).content.decode()
    assert "was released" in ask(alice, "post", "release", package.pk).content.decode()
    assert ask(dora, "get", "detail", package.pk).status_code == 200
    assert "released already" in ask(alice, "post", "release", package.pk).content.decode()


def test_who_released_it_changed_its_end_or_deleted_it_for_himself_is_in_the_log(ask, draft, alice, dora):
    package = draft("dora", title="Day 12")
    Package.objects.update(release_at=timezone.now() + timedelta(days=1))
    upload(package)
    for _ in range(2):  # what changes nothing the second time is written down once
        ask(alice, "post", "release", package.pk)
    day = timezone.now().date() + timedelta(days=3)
    ask(alice, "post", "expiry", package.pk, day=str(day))
    ask(alice, "post", "expiry", package.pk, day="")
    ask(dora, "post", "put", package.pk, "delete")
    events = Event.objects.filter(subject_id=package.pk).exclude(action="package.sent").order_by("at")
    assert [(event.actor, event.action, event.text) for event in events] == [
        ("Alice", "package.released", "“Day 12” was released."),
        ("Alice", "package.expiry", f"The end of “Day 12” was changed: after {day:%-d %B %Y}."),
        ("Alice", "package.expiry", "The end of “Day 12” was changed: none."),
        ("Dora", "package.hidden", "“Day 12” was deleted by a recipient for himself."),
    ]
    assert {event.address for event in events} == {"127.0.0.1"}


def call(client, user, name, *args, **content):
    client.force_login(user)
    address = reverse(f"packages:{name}", args=args)
    return client.post(address, json.dumps(content), content_type="application/json", secure=True)


def test_forwarding_makes_one_package_however_often_it_is_said(client, ask, draft, alice, dora):
    package = upload(draft("dora"))
    assert "Nothing is uploaded once more" in ask(dora, "get", "forward", package.pk).content.decode()
    words = {"title": "Look", "note": "", "recipients": ["alice"], "key": "k1"}
    answers = [call(client, dora, "forward", package.pk, **words) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Package.objects.filter(forwarded_from=package.pk).count() == 1
    refused = call(client, dora, "forward", package.pk, **words | {"recipients": [], "key": "k2"})
    assert "at least one recipient" in refused.json()["errors"]["recipients"][0]


@pytest.mark.parametrize(
    "wish",
    [
        {"days": "7"},
        {"days": 2**40},
        {"days": True},
        {"release": 7},
        {"release": "soon"},
        {"release": "2030-01-01T00:00:00"},
        {"after": 1},
        {"private": "bob"},
    ],
)
def test_terms_of_another_kind_are_no_call(client, alice, wish):
    content = {"title": "A", "recipients": ["alice"], "files": [{"path": "a", "size": 1}]} | wish
    assert call(client, alice, "new", **content).status_code == 400


def test_terms_are_kept_and_complaints_come_back_beside_them(client, alice, bob):
    content = {"title": "A", "recipients": ["alice"], "files": [{"path": "a", "size": 1}]}
    release = (timezone.now() + timedelta(days=1)).isoformat()
    answer = call(client, alice, "new", **content, private=["bob"], days=7, after="all", release=release)
    package = Package.objects.get(pk=answer.json()["package"])
    assert (package.keep_days, package.after_download, package.release_at.isoformat()) == (7, "all", release)
    assert package.deliveries.get(private=True).recipient == bob
    refused = call(client, alice, "new", **content, after="explode")
    assert refused.status_code == 422
    assert "chosen from the list" in refused.json()["errors"]["terms"][0]


def test_the_policy_is_set_by_administrators(client, admin, alice):
    address = reverse("packages:policy")
    client.force_login(alice)
    assert client.get(address, secure=True).status_code == 403
    client.force_login(admin)
    refused = client.post(address, {"keep_days": "90", "after_download": "keep", "most_days": "30"}, secure=True)
    assert "Type at most 30" in refused.content.decode()
    assert not Policy.objects.exists()
    for days in ("14", "21"):
        client.post(address, {"keep_days": days, "after_download": "any", "may_choose": "on"}, secure=True)
    assert [(row.keep_days, row.after_download, row.most_days) for row in Policy.objects.all()] == [(21, "any", None)]
    assert Event.objects.filter(action="packages.policy").count() == 2
