"""Server > Outgoing mail: for administrators, in words, and never as somebody else's HTML."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.jobs.models import State
from posthouse.notices import outbox
from posthouse.notices.letters import Letter
from posthouse.notices.models import OutgoingMail
from tests.notices.conftest import LETTER, Post, attempt

MAILS = reverse("notices:mails")


def text(client: Client, url: str) -> str:
    return " ".join(client.get(url).content.decode().split())


@pytest.fixture
def web(client: Client, admin: User) -> Client:
    """The browser of an administrator."""
    client.force_login(admin)
    return client


@pytest.fixture
def mail(alice: User) -> OutgoingMail:
    """A mail with HTML in its title."""
    outbox.tell([alice], "x", Letter("<img src=x> arrived", "Hello <script>alert(1)</script>"))
    return OutgoingMail.objects.get()


def test_only_administrators_see_mails(client: Client, mail: OutgoingMail, alice: User) -> None:
    one = reverse("notices:mail", args=[mail.pk])
    again = reverse("notices:retry", args=[mail.pk])
    for user, status in ((None, 302), (alice, 403)):
        if user:
            client.force_login(user)
        assert [client.get(url).status_code for url in (MAILS, one)] == [status] * 2
        assert [client.post(url).status_code for url in (reverse("notices:test"), again)] == [status] * 2
    assert OutgoingMail.objects.get().attempts == 0


def test_the_list_tells_what_waits_and_why(web: Client, mail: OutgoingMail) -> None:
    page = text(web, MAILS)
    for words in ("&lt;img src=x&gt; arrived", "alice@example.com", "Waiting", "No mail server is set", "just now"):
        assert words in page
    OutgoingMail.objects.update(state=State.FAILED, last_error="The mail server refused <b>it</b>.")
    page = text(web, MAILS)
    assert "Failed" in page
    assert "The mail server refused &lt;b&gt;it&lt;/b&gt;." in page
    assert 'href="/aspera/faspex/server/mail/" aria-current="page"' in page


def test_a_mail_is_shown_as_text_only(web: Client, mail: OutgoingMail) -> None:
    page = web.get(reverse("notices:mail", args=[mail.pk])).content.decode()
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Hello &amp;lt;script&amp;gt;" in page, "the HTML is shown as it is written"
    assert "alert(1)</script>" not in page
    assert web.get(reverse("notices:mail", args=["00000000-0000-7000-8000-000000000000"])).status_code == 404


def test_a_long_list_has_pages(web: Client, alice: User) -> None:
    assert "No mails yet" in text(web, MAILS)
    for number in range(51):
        outbox.tell([alice], str(number), LETTER)
    assert "Page 1" in text(web, MAILS)
    assert text(web, f"{MAILS}?page=2").count("alice@example.com") == 1


def test_a_test_mail_goes_to_whoever_asks_for_it(web: Client, post: Post) -> None:
    answer = web.post(reverse("notices:test"))
    mail = OutgoingMail.objects.get()
    assert answer["Location"] == reverse("notices:mail", args=[mail.pk])
    assert "Posthouse-Poll" in text(web, answer["Location"]), "the page follows it"
    attempt()
    assert post.taken[0][0] == ["admin@example.com"]
    page = text(web, answer["Location"])
    assert "Sent" in page
    assert "Posthouse-Poll" not in page
    assert "Try again now" not in page
    assert web.get(reverse("notices:test")).status_code == 405


def test_a_test_mail_shows_what_is_wrong_also_while_the_mail_server_is_away(
    web: Client, post: Post, mail: OutgoingMail, configure: Callable[..., None]
) -> None:
    post.answers["MAIL"] = ["550 Not you"] * 2
    attempt()
    assert "Mails cannot be sent. The mail server takes no mails from" in text(web, reverse("accounts:list"))
    assert "“550 Not you”" in text(web, reverse("web:health_page"))
    place = web.post(reverse("notices:test"))["Location"]
    attempt()
    page = text(web, place)
    for words in ("Waiting", "“550 Not you”", "Next try", "Try again now"):
        assert words in page
    web.post(place + "retry/")
    while attempt():
        pass
    assert len(post.mails) == 2
    assert "Mails cannot be sent" not in text(web, reverse("accounts:list"))
    assert f"127.0.0.1, port {post.port}, 0 mails waiting" in text(web, reverse("web:health_page"))


def test_a_failed_mail_can_be_tried_again(web: Client, post: Post, mail: OutgoingMail) -> None:
    post.answers["RCPT"] = ["550 No such user"]
    attempt()
    place = reverse("notices:mail", args=[mail.pk])
    assert "Try again now" in text(web, place)
    web.post(reverse("notices:retry", args=[mail.pk]))
    attempt()
    assert len(post.mails) == 1
    assert "was sent already" in web.post(reverse("notices:retry", args=[mail.pk]), follow=True).content.decode()


def test_the_health_page_says_that_nobody_gets_mails(web: Client, mail: OutgoingMail) -> None:
    page = text(web, reverse("web:health_page"))
    assert "No mail server is set, 1 mail waiting" in page
    assert "Set one at Server &gt; Configuration &gt; Mail server" in page
