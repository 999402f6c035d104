"""The files of a package, page by page: as many rows as somebody likes, and no dearer for 20,000 files."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posthouse.packages import drafts
from posthouse.packages.models import File
from tests.packages.conftest import upload

FILES = 20_000


@pytest.fixture
def look(client, alice):
    client.force_login(alice)

    def look(package, number=None):
        query = {} if number is None else {"page": number}
        return client.get(reverse("packages:detail", args=[package.pk]), query, secure=True)

    return look


def rows(answer):
    return answer.content.count(b'class="tree-size"')


def test_as_many_files_are_on_a_page_as_somebody_likes(look, draft, alice):
    package = upload(draft("alice", files=tuple((f"{number:03}.mov", 1) for number in range(101))))
    assert rows(look(package)) == alice.rows == 50
    alice.rows = 20
    alice.save()
    first = look(package)
    assert rows(first) == 20
    assert b"Page 1 of 6" in first.content
    last = look(package, 6)
    assert rows(last) == 1
    assert b"100.mov" in last.content


@pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", "999999999"])
def test_what_is_no_page_is_not_found(look, draft, number):
    assert look(upload(draft("alice")), number).status_code == 404


def test_a_page_of_20_000_files_costs_the_same_queries_as_one_of_few(look, alice):
    few = upload(drafts.create(alice, "Few", "", ["alice"], [("a", 1)]))
    many = drafts.create(alice, "Many", "", ["alice"], [(f"d{number // 100}/{number}", 0) for number in range(FILES)])
    assert many.is_open
    assert File.objects.filter(package=many).count() == FILES
    look(few)  # what is asked once only has been asked then
    counts = []
    for package, number in ((few, 1), (many, 1), (many, FILES // alice.rows)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = look(package, number)
        assert answer.status_code == 200
        counts.append(len(queries))
    assert rows(answer) == alice.rows
    assert b'rel="next"' not in answer.content
    assert len(set(counts)) == 1
