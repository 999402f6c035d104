"""A note of 1 MB, HTML and script in every field: in mails they are text, and no mail grows by them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.notices import passwords, wordings
from posthouse.notices.models import OutgoingMail, Words
from posthouse.outside import invitations
from posthouse.packages import drafts, signals, telling
from posthouse.packages.models import Delivery, Package
from tests.notices.conftest import Post, attempt, bodies
from tests.packages.conftest import upload

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)><a href=javascript:alert(1)>\u202e{{7*7}}{title}%s"
ALLOWED = {"html", "head", "meta", "title", "body", "p", "table", "tr", "th", "td", "a", "hr", "small"}


class Tags(HTMLParser):
    """Collects the tags of a page, and where its links go."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        assert not any(name.startswith("on") for name, _ in attrs)


def harmless(html: str) -> None:
    """Fail unless there are no tags and links but ours."""
    page = Tags()
    page.feed(html)
    assert page.tags <= ALLOWED, page.tags - ALLOWED
    assert all(link.startswith("https://paris.example/") for link in page.links)
    assert "\u202e" not in html


@pytest.fixture
def eve(paris) -> User:
    return User.objects.create(login="eve", name=EVIL[:200], email="eve@example.com", home=paris, mails="all")


def test_evil_names_titles_and_notes_are_text_in_every_mail(eve: User, paris) -> None:
    package = upload(drafts.create(eve, EVIL[:200], EVIL * 100, ["eve"], [("a.mov", 10)]))
    delivery = package.deliveries.get()
    signals.package_fetched.send(Delivery, delivery=delivery, whole=True)
    Package.objects.update(expires_at=timezone.now() + telling.SOON / 2)
    Delivery.objects.update(available_at=timezone.now() - telling.SOON)
    telling.tell_of_end()
    invitations.invite(eve, "out@example.com", EVIL * 1000, 3, 1)
    passwords.welcome(user=eve)
    assert OutgoingMail.objects.count() == 5
    for mail in OutgoingMail.objects.all():
        harmless(mail.html)
        assert len(mail.html) < 20_000
        assert len(mail.text) < 20_000
        assert "\n" not in mail.subject
        assert "{{7*7}}{title}%s" in mail.subject + mail.text, "what a value holds is not looked at again"


@pytest.mark.parametrize("kind", [wording.name for wording in wordings.every()])
def test_evil_words_are_text_in_the_mail_and_its_preview(client, admin: User, kind: str) -> None:
    Words.objects.create(kind=kind, subject=EVIL[:200], text=f"{EVIL}\n\n{EVIL}", action=EVIL[:100])
    wording = wordings.named(kind)
    assert wording is not None
    _, html = wording.letter({}, {"Title": EVIL}, "https://paris.example/x").render()
    harmless(html)
    client.force_login(admin)
    page = client.get(reverse("notices:wording", args=[kind])).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_a_note_of_a_megabyte_is_refused_and_makes_no_mail(alice: User) -> None:
    with pytest.raises(drafts.Refused) as refused:
        drafts.create(alice, "Rushes", "x" * 1_000_000, ["alice"], [("a.mov", 10)])
    assert "20,000 is the most" in str(refused.value)
    assert not OutgoingMail.objects.exists()


def test_a_note_of_a_megabyte_from_another_server_makes_small_mails_and_a_page(
    client, post: Post, alice: User, bob: User, tokyo, paris
) -> None:
    note = EVIL * 10_000
    package = Package.objects.create(
        title=EVIL[:200], note=note, sender=bob, origin=tokyo, status="complete", closed_at=timezone.now()
    )
    Delivery.objects.create(package=package, recipient=alice, home=paris, available_at=timezone.now())
    signals.package_arrived.send(Package, package=package)
    attempt()
    plain, html = bodies(post.mails[0])
    harmless(html)
    assert len(plain) < 5000
    client.force_login(alice)
    for place in (reverse("packages:detail", args=[package.pk]), reverse("packages:received")):
        page = client.get(place).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
