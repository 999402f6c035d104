"""Server > Configuration > E-mails: words are changed, previewed, checked and restored, and nothing in them is run."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.notices import filling, wordings
from posthouse.notices.models import OutgoingMail, Words
from posthouse.packages import signals
from posthouse.packages.models import Package
from tests.notices.conftest import Post, attempt, bodies
from tests.packages.conftest import upload

PLACE = "/aspera/faspex/server/configuration/mails/"
KINDS = {
    "cc-download",
    "cc-receipt",
    "cc-upload",
    "digest",
    "in-sync-again",
    "invitation",
    "out-of-sync",
    "outside-expiring",
    "outside-link",
    "package-downloaded",
    "package-expiring",
    "package-received",
    "package-sent",
    "password-reset",
    "relay-failed",
    "welcome",
}


@pytest.fixture
def web(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


def save(web: Client, kind: str = "package-received", **typed: str) -> str:
    """Type words and save them; return the page that follows."""
    wording = wordings.named(kind)
    assert wording is not None
    words = {"subject": wording.subject, "text": wording.text, "action": wording.action, "do": "save"}
    return web.post(f"{PLACE}{kind}/", words | typed, follow=True).content.decode()


def test_every_kind_is_listed_and_can_be_looked_at(web: Client) -> None:
    page = web.get(PLACE).content.decode()
    assert {wording.name for wording in wordings.every()} == KINDS
    for wording in wordings.every():
        assert reverse("notices:wording", args=[wording.name]) in page
        assert web.get(reverse("notices:wording", args=[wording.name])).status_code == 200
    assert web.get(f"{PLACE}nothing/").status_code == 404


def test_the_first_words_of_every_kind_use_variables_that_exist() -> None:
    for wording in wordings.every():
        for text in (wording.subject, wording.text, wording.action):
            assert filling.unknown(text, wording.variables) == []


def test_it_is_for_administrators(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(PLACE).status_code == 403
    assert client.post(f"{PLACE}package-received/", {"do": "restore"}).status_code == 403


def test_changed_words_are_in_the_next_mail_as_text_and_as_html(web: Client, post: Post, draft, alice: User) -> None:
    page = save(
        web,
        subject="New: {title}",
        text="Hello,\n\n{sender} has sent <b>something</b> & more.\r\n\r\nBest,\nus",
        action="Get {title}",
    )
    assert "was changed" in page
    assert "Changed" in page
    upload(draft("alice", title="Rushes <i>"))
    attempt()
    [mail] = post.mails
    assert mail["Subject"] == "New: Rushes <i>"
    plain, html = bodies(mail)
    assert plain.startswith("Hello,\n\nAlice has sent <b>something</b> & more.\n\nBest, us\n\nTitle: Rushes <i>\n")
    assert "Get Rushes <i>:\nhttps://paris.example" in plain
    assert '<p dir="auto">Alice has sent &lt;b&gt;something&lt;/b&gt; &amp; more.</p>' in html
    assert ">Get Rushes &lt;i&gt;</a>" in html
    assert Event.objects.filter(action="mails.changed").count() == 1


@pytest.mark.parametrize("field", ["subject", "text", "action"])
def test_a_variable_that_does_not_exist_is_refused_with_those_that_do(web: Client, field: str) -> None:
    page = save(web, **{field: "{sender} and {recipeint} and {sender.password}"})
    assert "{recipeint} is no variable of this e-mail. There are: {sender}, {title}." in page
    assert not Words.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "{{ settings.SECRET_KEY }}",
        "{% load static %}{% include 'x' %}",
        "{sender.__class__}",
        "{sender!r}",
        "{0}",
        "%(sender)s",
        "${sender:>1000000000}",
    ],
)
def test_nothing_in_words_is_run(web: Client, post: Post, draft, alice: User, text: str) -> None:
    page = save(web, text=text)
    assert "was changed" in page or "no variable" in page
    Words.objects.update_or_create(pk="package-received", defaults={"subject": "x", "text": text, "action": "y"})
    upload(draft("alice"))
    attempt()
    plain, _ = bodies(post.mails[0])
    assert plain.startswith(text + "\n")


def test_what_a_value_holds_is_not_looked_at_again() -> None:
    assert filling.fill("{a} {b} {c}", {"a": "{b}", "b": "{a}{{b}}"}) == "{b} {a}{{b}} {c}"
    assert list(filling.paragraphs("x {a}", {"a": "1\n\n2\r\n\r\n3"})) == ["x 1 2 3"]


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b", "title"]), st.text()))
def test_whatever_is_typed_is_filled_or_stays(text: str, values: dict[str, str]) -> None:
    filled = filling.fill(text, values)
    assert "\n" not in filled
    if not filling.VARIABLE.search(text):
        assert filled == " ".join(text.split())


def test_a_preview_shows_what_was_typed_and_saves_nothing(web: Client) -> None:
    page = save(web, subject="<script>{title}", text="Preview <img src=x> {sender}", do="preview")
    assert "Preview of what you typed" in page
    assert "&lt;script&gt;Rushes of day 12" in page
    assert '<p dir="auto">Preview &lt;img src=x&gt; Alice</p>' in page
    assert "<img src=x" not in page
    assert not Words.objects.exists()


def test_words_are_restored(web: Client) -> None:
    save(web, subject="Other")
    assert "Restore the first words" in web.get(f"{PLACE}package-received/").content.decode()
    page = web.post(f"{PLACE}package-received/", {"do": "restore"}, follow=True).content.decode()
    assert "says again what it said at first" in page
    assert not Words.objects.exists()
    assert [event.action for event in Event.objects.order_by("at")] == ["mails.changed", "mails.restored"]


def test_typing_the_first_words_restores_them(web: Client) -> None:
    save(web, subject="Other")
    save(web)
    assert not Words.objects.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"subject": ""}, "This field is required"),
        ({"subject": "x" * 201}, "at most 200 characters"),
        ({"text": "x" * 1_000_000}, "at most 4000 characters"),
        ({"text": " \n "}, "This field is required"),
    ],
)
def test_what_is_empty_or_too_long_is_refused(web: Client, typed: dict[str, str], said: str) -> None:
    assert said in save(web, **typed)
    assert not Words.objects.exists()


def test_words_with_line_breaks_in_the_subject_add_no_header(web: Client, post: Post, draft, alice: User) -> None:
    Words.objects.create(kind="package-received", subject="a\r\nBcc: eve@example.com", text="x", action="y")
    upload(draft("alice"))
    attempt()
    assert post.mails[0]["Bcc"] is None
    assert post.mails[0]["Subject"] == "a Bcc: eve@example.com"


def test_an_arrival_asks_for_its_words_once_for_all_recipients(draft, alice: User) -> None:
    package = upload(draft("alice"))
    OutgoingMail.objects.all().delete()
    signals.package_arrived.send(Package, package=package)
    assert OutgoingMail.objects.count() == 1


def test_a_mail_without_a_link_is_changed_without_words_for_one(web: Client) -> None:
    page = web.get(f"{PLACE}outside-expiring/").content.decode()
    assert "Words of the link" not in page
    assert "was changed" in save(web, "outside-expiring", subject="Soon: {title}")
    assert Words.objects.get().action == ""
