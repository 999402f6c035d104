"""Administrators find out who did what, when and from where."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.audit import keeping, log, pages, search
from posthouse.audit.log import Who
from posthouse.audit.models import Event, Retention
from posthouse.audit.search import Cursor, Wish
from posthouse.lib.ids import uuid7

LOG = reverse("audit:log")
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def web(client: Client, admin: User) -> Client:
    """An administrator's browser."""
    client.force_login(admin)
    return client


def happened(count: int, text: str = "event {}", **fields: object) -> list[Event]:
    """Write events down, one in each minute."""
    return Event.objects.bulk_create(
        Event(
            **{"action": "test.done", "text": text.format(number), "actor": "Alice"}
            | {"at": START + timedelta(minutes=number)}
            | fields
        )
        for number in range(count)
    )


def texts(wish: Wish, size: int = 5) -> list[str]:
    """Return all that is found, page by page."""
    found: list[str] = []
    behind: Cursor | None = None
    while True:
        page = search.find(wish, behind, size)
        assert len(page.events) <= size
        found += [event.text for event in page.events]
        if page.behind is None:
            return found
        behind = Cursor.read(str(page.behind))


def test_pages_follow_one_another_without_gaps_and_doubles(db: None) -> None:
    happened(23)
    assert texts(Wish()) == [f"event {number}" for number in reversed(range(23))]


def test_events_of_the_same_moment_are_parted_by_their_ids(db: None) -> None:
    happened(23, at=START)
    assert sorted(texts(Wish())) == sorted(f"event {number}" for number in range(23))


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [
        (Wish(text="EVENT 1"), [19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 1]),
        (Wish(person="ali", text="event 7"), [7]),
        (Wish(person="bob"), []),
        (Wish(action="test.done", since=START + timedelta(minutes=21)), [22, 21]),
        (Wish(action="test"), []),
        (Wish(until=START + timedelta(minutes=2)), [1, 0]),
        (Wish(text="100%_"), []),
    ],
)
def test_each_field_narrows_the_search(db: None, wish: Wish, numbers: list[int]) -> None:
    happened(23)
    assert texts(wish) == [f"event {number}" for number in numbers]


@pytest.mark.parametrize("scan", [1, 4, 7, 23, 100])
def test_a_search_for_words_looks_at_so_many_at_once_and_goes_on_behind_them(
    db: None, monkeypatch: pytest.MonkeyPatch, scan: int
) -> None:
    monkeypatch.setattr(search, "SCAN", scan)
    happened(23)
    assert texts(Wish(text="event 2")) == ["event 22", "event 21", "event 20", "event 2"]
    happened(9, text="twin {}", at=START)
    assert sorted(texts(Wish(text="twin"))) == [f"twin {number}" for number in range(9)]


def test_what_an_account_did_and_what_was_done_to_it_come_together(db: None) -> None:
    one, other = uuid7(), uuid7()
    happened(12, text="by {}", actor_id=one)
    happened(12, text="to {}", subject_id=one, at=START + timedelta(seconds=30))
    happened(3, text="both {}", actor_id=one, subject_id=one)
    happened(5, text="else {}", actor_id=other)
    found = texts(Wish(account=one))
    assert len(found) == len(set(found)) == 27
    assert not any(text.startswith("else") for text in found)


def test_the_actions_that_occur_can_be_chosen(db: None) -> None:
    for action in ("login", "account.made", "login", "server.removed"):
        happened(3, action=action)
    assert search.actions() == ["account.made", "login", "server.removed"]


@pytest.mark.parametrize("text", ["", "x", "-", "12-zz", "9" * 40 + "-" + "0" * 32, "é"])
def test_a_place_that_is_none_is_the_beginning(text: str) -> None:
    assert Cursor.read(text) is None


def test_the_page_shows_events_and_escapes_them(web: Client) -> None:
    happened(60)
    log.record(Who("<script>", None, "192.0.2.1"), "test.done", "<b>bold</b>")
    page = web.get(LOG, secure=True).content.decode()
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page
    assert "192.0.2.1" in page
    assert "Older" in page
    assert "Nothing found" in web.get(LOG, {"q": "no such words"}, secure=True).content.decode()


@pytest.mark.parametrize(
    "query", ["since=x", "account=x", "action=nope", "q=%00", "behind=x", "until=9999-12-31", "page=5"]
)
def test_odd_questions_are_answered(web: Client, query: str) -> None:
    assert web.get(f"{LOG}?{query}", secure=True).status_code == 200


@pytest.mark.parametrize("name", ["audit:log", "audit:export", "audit:retention"])
def test_the_pages_are_for_administrators(client: Client, alice: User, name: str) -> None:
    client.force_login(alice)
    assert client.get(reverse(name), secure=True).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_export_holds_all_that_is_looked_for_and_no_formula(admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "CHUNK", 7)
    happened(30)
    happened(1, text='=cmd("{}")')

    known = Client()
    known.force_login(admin)

    async def fetch() -> str:
        client = AsyncClient()
        client.cookies = known.cookies
        answer = await client.get(reverse("audit:export"), {"person": "alice"}, secure=True)
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        return b"".join([piece async for piece in answer.streaming_content]).decode()

    head, *rows = csv.reader(io.StringIO(async_to_sync(fetch)()))
    assert head == list(pages.HEAD)
    assert len(rows) == 31
    assert '\'=cmd("0")' in {row[2] for row in rows}
    assert Event.objects.filter(action="audit.exported", actor_id=admin.pk).count() == 1


def test_events_are_kept_as_long_as_administrators_want(web: Client, admin: User) -> None:
    happened(23)
    with time_machine.travel(START + timedelta(days=40, minutes=10)):
        web.force_login(admin)
        assert keeping.forget_old() == 0
        for days in ("29", "x", "-1"):
            web.post(reverse("audit:retention"), {"days": days}, secure=True)
            assert not Retention.objects.exists()
        web.post(reverse("audit:retention"), {"days": "40"}, secure=True)
        assert Event.objects.get(action="audit.retention").text == "Events are kept: 40 days."
        assert 10 <= keeping.forget_old() <= 11
        web.post(reverse("audit:retention"), {"days": ""}, secure=True)
    with time_machine.travel(START + timedelta(days=4000)):
        assert keeping.forget_old() == 0


def test_the_page_of_an_account_shows_its_part(web: Client, alice: User) -> None:
    happened(3, text="about alice {}", subject_id=alice.pk)
    page = web.get(reverse("accounts:edit", args=[alice.pk]), secure=True).content.decode()
    assert "about alice 2" in page
    assert f"?account={alice.pk}" in page
