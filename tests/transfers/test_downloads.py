"""Downloads: who may, which bytes, which headers, and the note of it."""

from __future__ import annotations

import io
import os
import zipfile
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from posthouse.packages.models import Download, Package
from posthouse.store import blobs
from posthouse.transfers.asgi import application
from posthouse.transfers.downloads import disposition
from tests.conftest import make_user
from tests.transfers.conftest import PART, START
from tests.transfers.driver import ask

NAME = 'Übung "1" 50%.mov'


@pytest.fixture
def arrived(make_package, tus):
    """A package of two files that has arrived, and their contents."""
    contents = [os.urandom(2 * PART + 5), os.urandom(300)]
    package = make_package((f"film/{NAME}", len(contents[0])), ("z.bin", len(contents[1])), ("z.empty", 0))
    for number, data in enumerate(contents):
        tus(package).send(package.files.get(number=number), data)
    package.refresh_from_db()
    return package, contents


@pytest.fixture
def get(arrived, alice, cookie):
    """Ask for a file of the package by its number, or for all of them."""
    package, _ = arrived
    mine = cookie(alice)

    def ask_for(what: int | str = 0, method: str = "GET", leave_after: int | None = None, **headers: str):
        name = package.files.get(number=what).id if isinstance(what, int) else what
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"{START}/downloads/{package.id}/{name}"
        return ask(application, method, path, {**mine, **fields}, leave_after=leave_after)

    return ask_for


def test_a_file_comes_whole_and_safely_named(get, arrived) -> None:
    _, contents = arrived
    answer = get()
    assert (answer.status, answer.body) == (200, contents[0])
    headers = answer.headers
    assert headers["content-length"] == str(len(contents[0]))
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")
    assert headers["content-disposition"] == (
        "attachment; filename=\"_bung _1_ 50_.mov\"; filename*=UTF-8''%C3%9Cbung%20%221%22%2050%25.mov"
    )


@pytest.mark.parametrize("name", ['a"\r\nSet-Cookie: x', "a;b", "😀", "\\..\\x", "a\u202etxt.exe"])
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    field = disposition(name)
    assert field.isascii()
    assert field.isprintable()
    assert field.count('"') == 2


def test_head_tells_all_but_the_bytes_and_leaves_no_note(get, arrived) -> None:
    answer = get(method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(arrived[1][0]))
    assert not Download.objects.exists()


def test_a_broken_download_goes_on_by_range(get, arrived) -> None:
    data = arrived[1][0]
    etag = get(method="HEAD").headers["etag"]
    answer = get(Range="bytes=100-", If_Range=etag)
    assert (answer.status, answer.body) == (206, data[100:])
    assert answer.headers["content-range"] == f"bytes 100-{len(data) - 1}/{len(data)}"
    assert get(Range="bytes=100-", If_Range='"older"').status == 200
    beyond = get(Range=f"bytes={len(data)}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert get(If_None_Match=etag).status == 304


def test_empty_files_come_too(get) -> None:
    answer = get(2)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


def test_a_zip_file_does_not_show_under_a_name_that_is_not_its_own(get, arrived) -> None:
    Package.objects.filter(pk=arrived[0].pk).update(title="photo \u202egnp/\u2066x")
    assert "filename*=UTF-8''photo%20gnp_x.zip" in get("all.zip").headers["content-disposition"]


def test_all_files_come_as_a_zip_file_of_known_length(get, arrived) -> None:
    _, contents = arrived
    answer = get("all.zip")
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["content-type"] == "application/zip"
    assert "Rushes.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [*contents, b""]
        assert archive.namelist()[0] == f"film/{NAME}"
    middle = get("all.zip", Range=f"bytes={PART}-{PART + 9}", If_Range=answer.headers["etag"])
    assert (middle.status, middle.body) == (206, answer.body[PART : PART + 10])


def test_some_files_come_as_a_zip_file_that_goes_on_where_it_was(get, arrived) -> None:
    _, contents = arrived
    answer = get("some.zip?file=2&file=0")
    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [contents[0], b""]
    rest = get("some.zip?file=0&file=2", Range=f"bytes={PART}-", If_Range=answer.headers["etag"])
    assert (rest.status, rest.body) == (206, answer.body[PART:])
    other = get("some.zip?file=0&file=1", Range=f"bytes={PART}-", If_Range=answer.headers["etag"])
    assert other.status == 200, "another choice is another file"
    assert Download.objects.filter(file=None).latest("started_at").what == "2 files, as zip"


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?file=x", 400), ("?file=0&file=3", 404), ("?file=9", 404)])
def test_what_cannot_be_chosen_is_refused(get, query, status) -> None:
    assert get(f"some.zip{query}").status == status


def test_the_note_tells_who_what_and_how_much(get, arrived, alice) -> None:
    package, _contents = arrived
    get(1)
    note = Download.objects.get()
    assert (note.package_id, note.user_id, note.file.number) == (package.id, alice.id, 1)
    assert (note.sent, note.size, note.address) == (300, 300, "192.0.2.7")
    assert note.ended_at is not None
    get("all.zip", Range="bytes=0-9")
    note = Download.objects.latest("started_at")
    assert (note.file, note.sent, note.size) == (None, 10, 10)


def test_the_note_of_a_download_that_was_cut_tells_how_far_it_came(get, arrived, monkeypatch) -> None:
    monkeypatch.setattr(blobs, "STEP", 1000)
    get(leave_after=5000)
    note = Download.objects.get()
    assert 5000 <= note.sent < len(arrived[1][0])
    assert note.ended_at is not None


def test_strangers_learn_nothing(arrived, paris, cookie) -> None:
    package, _ = arrived
    stranger = cookie(make_user("mallory", paris))
    file = package.files.get(number=0)
    for name in (str(file.id), "all.zip"):
        path = f"{START}/downloads/{package.id}/{name}"
        assert ask(application, "GET", path, stranger).status == 404
        assert ask(application, "GET", path).status == 401
        assert ask(application, "GET", path, {"Cookie": stranger["Cookie"][:-2] + "xx"}).status == 401
    assert not Download.objects.exists()


def test_who_follows_a_link_without_being_logged_in_may_do_so_and_go_on(arrived) -> None:
    path = f"{START}/downloads/{arrived[0].id}/all.zip"
    answer = ask(application, "GET", path, {"Accept": "text/html,*/*;q=0.8"})
    assert answer.status == 303
    assert answer.headers["location"] == f"{reverse('accounts:login')}?{urlencode({'next': path})}"


def test_a_file_is_found_only_in_its_own_package(arrived, make_package, get, tus) -> None:
    other = make_package(("c", 1))
    tus(other).send(other.files.get(), b"c")
    assert get(str(other.files.get().id)).status == 404
    assert get("nothing").status == 404


def test_a_package_that_is_still_coming_gives_nothing_away(make_package, tus, alice, cookie) -> None:
    package = make_package(("a", 1), ("b", 1))
    tus(package).send(package.files.get(number=0), b"a")
    for name in (str(package.files.get(number=0).id), "all.zip"):
        assert ask(application, "GET", f"{START}/downloads/{package.id}/{name}", cookie(alice)).status == 404


def test_bytes_that_the_store_lost_are_an_error_from_the_start(get, arrived) -> None:
    blobs.path(arrived[0].files.get(number=0).blob).unlink()
    answer = get()
    assert answer.status == 410
    assert answer.error == "The contents of this file are no longer in the store."


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_downloads_cannot_be_changed(get, method: str) -> None:
    answer = get(method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
