"""New Package: the page, its JSON call, completion, and what an upload needs to go on."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from posthouse.packages import rights
from posthouse.packages.models import File, Package
from posthouse.store import blobs
from posthouse.transfers.models import Upload
from tests.conftest import make_user
from tests.packages.conftest import bytes_of, contents, upload


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


def send(client, **fields):
    call = {"title": "Rushes", "note": "", "recipients": ["bob"], "files": [{"path": "a", "size": 5}]} | fields
    return client.post(reverse("packages:new"), json.dumps(call), content_type="application/json")


def test_the_page_is_for_those_who_are_logged_in(client, paris):
    assert client.get(reverse("packages:new")).status_code == 302


def test_the_page_holds_its_form_and_no_inline_script_or_style(as_alice):
    page = as_alice.get(reverse("packages:new")).content.decode()
    assert "New Package" in page
    assert "<script>" not in page
    assert " style=" not in page
    assert " onclick=" not in page


def test_a_call_makes_a_package_and_tells_how_to_upload_it(as_alice, bob):
    answer = send(as_alice, files=[{"path": "b", "size": 5}, {"path": "empty", "size": 0}])
    assert answer.status_code == 201
    state = answer.json()
    package = Package.objects.get()
    assert (state["package"], state["url"]) == (str(package.pk), reverse("packages:detail", args=[package.pk]))
    assert rights.check(state["right"]) == package
    assert state["uploads"] == "/aspera/faspex/transfers/uploads/"
    first, empty = state["files"]
    assert first == {"id": str(package.files.get(path="b").pk), "path": "b", "size": 5, "offset": 0, "upload": None}
    assert (empty["path"], empty["offset"]) == ("empty", 0)


def test_a_call_said_again_with_its_key_makes_no_second_package(as_alice, bob):
    """D12: the answer to the first one was lost; the package of nothing but empty files was delivered already."""
    first = send(as_alice, files=[{"path": "empty", "size": 0}], key="k1").json()
    again = send(as_alice, files=[{"path": "empty", "size": 0}], key="k1")
    assert (again.status_code, again.json()["package"]) == (201, first["package"])
    assert send(as_alice, key="k2").json()["package"] != first["package"]
    assert Package.objects.count() == 2


def test_a_key_names_only_calls_of_the_same_person(as_alice, bob, client, paris):
    first = send(as_alice, key="k1").json()["package"]
    client.force_login(make_user("dora", paris))
    assert send(client, key="k1").json()["package"] != first


def test_calls_without_a_key_are_all_different(as_alice, bob):
    assert send(as_alice).json()["package"] != send(as_alice).json()["package"]


@pytest.mark.parametrize("key", [7, "x" * 65, "\0", "ключ"])
def test_a_key_that_is_none_is_refused(as_alice, bob, key):
    assert send(as_alice, key=key).status_code == 400


def test_all_errors_come_back_by_field(as_alice, bob):
    answer = send(as_alice, title="", recipients=["nobody"], files=[{"path": "../x", "size": 1}])
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"title", "recipients", "files"}
    assert not Package.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "7",
        "[" * 100_000,
        '{"title": 7}',
        '{"recipients": "bob"}',
        '{"recipients": [7]}',
        '{"files": [{"path": "a"}]}',
        '{"files": [{"path": "a", "size": "5"}]}',
        '{"files": [{"path": "a", "size": true}]}',
        '{"files": [{"path": "a", "size": 1.5}]}',
        '{"files": ["a"]}',
    ],
)
def test_what_is_no_such_call_is_told_so(as_alice, body):
    answer = as_alice.post(reverse("packages:new"), body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"]["call"]


def test_a_call_that_is_too_long_is_refused_with_a_sentence(as_alice, settings, bob):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = send(as_alice, note="x" * 200)
    assert answer.status_code == 413
    assert "too long" in answer.json()["errors"]["files"][0]


def test_a_call_needs_the_token_of_its_page(alice, bob):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict).status_code == 403


def test_an_upload_goes_on_where_it_was(as_alice, draft):
    package = draft(files=(("a", 5), ("b", 7), ("c", 9)))
    first, second, _ = package.files.all()
    package.files.filter(pk=first.pk).update(blob=contents(bytes_of(first)))
    begun = Upload.objects.create(file=second, blob=blobs.create(7), offset=3, expires_at=package.created_at)
    state = as_alice.get(reverse("packages:upload", args=[package.pk])).json()
    assert rights.check(state["right"]) == package
    assert [(file["offset"], file["upload"]) for file in state["files"]] == [
        (5, None),
        (3, f"/aspera/faspex/transfers/uploads/{begun.pk}"),
        (0, None),
    ]


def test_a_package_whose_closing_was_lost_is_closed_when_its_sender_asks(as_alice, draft):
    package = draft()
    file = package.files.get()
    File.objects.filter(pk=file.pk).update(blob=contents(bytes_of(file)))  # and then the server died
    state = as_alice.get(reverse("packages:upload", args=[package.pk])).json()
    assert (state["status"], state["right"], state["files"]) == ("relaying", None, [])


def test_nobody_else_is_told_how_to_upload(client, draft, paris, admin):
    package = draft()
    for user in (make_user("dora", paris), admin):
        client.force_login(user)
        assert client.get(reverse("packages:upload", args=[package.pk])).status_code == 404
        assert client.post(reverse("packages:discard", args=[package.pk])).status_code == 404


def test_the_state_of_many_files_is_one_query(as_alice, draft, django_assert_max_num_queries):
    package = draft(files=tuple((str(number), 1) for number in range(300)))
    with django_assert_max_num_queries(12):
        assert len(as_alice.get(reverse("packages:upload", args=[package.pk])).json()["files"]) == 300


def test_an_unfinished_package_can_be_discarded_and_a_finished_one_cannot(as_alice, draft):
    package = draft()
    assert as_alice.post(reverse("packages:discard", args=[package.pk])).status_code == 302
    package.refresh_from_db()
    assert (package.status, rights.check(rights.issue(package))) == ("error", None)
    done = upload(draft())
    as_alice.post(reverse("packages:discard", args=[done.pk]))
    done.refresh_from_db()
    assert done.status == "relaying"


def test_names_are_completed_with_address_and_home(as_alice, bob, tokyo):
    answer = as_alice.get(reverse("packages:recipients"), {"q": "bo"}).json()
    assert answer == {"people": [{"login": "bob", "name": "Bob", "email": "bob@example.com", "home": "tokyo"}]}
    assert as_alice.get(reverse("packages:recipients"), {"q": "  "}).json() == {"people": []}
    assert as_alice.get(reverse("packages:recipients"), {"q": "a\x00%_"}).json() == {"people": []}


def test_completion_shows_a_few_of_many(as_alice, paris):
    for number in range(12):
        make_user(f"person{number}", paris)
    assert len(as_alice.get(reverse("packages:recipients"), {"q": "person"}).json()["people"]) == 8
