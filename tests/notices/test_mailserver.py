"""Server > Configuration > Mail server: it goes before the settings file, and says where each value comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from posthouse.accounts.models import User
from posthouse.audit.models import Event
from posthouse.notices import mailserver, outbox
from posthouse.notices.models import MailServer, Outage, OutgoingMail
from tests.notices.conftest import LETTER, PASSWORD, Post, attempt

PLACE = "/aspera/faspex/server/configuration/mail-server/"
EMPTY = {"host": "", "port": "", "security": "starttls", "user": "", "typed": "", "sender": ""}


@pytest.fixture
def web(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


def save(web: Client, **typed: Any) -> str:
    return web.post(PLACE, EMPTY | typed, follow=True).content.decode()


def test_without_any_mails_wait_and_can_be_read(web: Client, alice: User) -> None:
    assert "none: mails wait" in web.get(PLACE).content.decode()
    outbox.tell([alice], "x", LETTER)
    assert attempt() is None
    page = web.get(reverse("notices:mails")).content.decode()
    assert "Set the mail server" in page
    assert "It works." in web.get(reverse("notices:mail", args=[OutgoingMail.objects.get().pk])).content.decode()


def test_the_page_goes_before_the_settings_file(
    web: Client, post: Post, configure: Callable[..., None], alice: User
) -> None:
    configure(smtp_host="nowhere.example", smtp_port=1)
    outbox.tell([alice], "x", LETTER)
    page = save(web, host="127.0.0.1", port=post.port, security="none", sender="other@paris.example")
    assert "The mail server was set" in page
    for words in ("127.0.0.1", "from this page", "other@paris.example"):
        assert words in page
    attempt()
    assert post.mails[0]["From"] == "Posthouse paris <other@paris.example>"
    assert Event.objects.get(action="mails.server").text.startswith("The mail server was set: 127.0.0.1, port")


def test_it_says_what_comes_from_the_settings_file(web: Client, post: Post) -> None:
    page = web.get(PLACE).content.decode()
    assert page.count("from the settings file") == 6
    save(web, sender="page@paris.example")
    page = web.get(PLACE).content.decode()
    assert page.count("from the settings file") == 5
    assert "page@paris.example" in page
    assert mailserver.in_force().port == post.port


def test_a_password_is_sealed_and_shown_nowhere(web: Client, secured_post: Post, alice: User) -> None:
    MailServer.objects.all().delete()
    page = save(web, host="localhost", port=secured_post.port, user="paris", typed=PASSWORD, sender="p@paris.example")
    assert PASSWORD not in page
    assert PASSWORD not in MailServer.objects.get().password
    assert PASSWORD not in "".join(Event.objects.values_list("text", flat=True))
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert (mail.state, mail.last_error) == ("done", "")
    save(web, host="localhost", port=secured_post.port, user="paris", sender="q@paris.example")
    outbox.tell([alice], "y", LETTER)
    attempt()
    assert len(secured_post.mails) == 2, "the stored password stays"


def test_a_stored_password_goes_to_no_other_host_or_user(web: Client, db: None) -> None:
    save(web, host="mail.example", user="paris", typed="secret", sender="p@paris.example")
    for other in ({"host": "evil.example", "user": "paris"}, {"host": "mail.example", "user": "eve"}):
        page = save(web, sender="p@paris.example", **other)
        assert "Type the password of this user at this mail server." in page
    assert MailServer.objects.get().host == "mail.example"


def test_the_password_of_the_settings_file_goes_to_no_host_of_the_page(
    web: Client, secured_post: Post, post: Post
) -> None:
    save(web, host="127.0.0.1", port=post.port, security="none", sender="p@paris.example")
    line = mailserver.in_force()
    assert (line.user, line.password()) == ("", "")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"host": "mail.example"}, "Type the address that mails come from."),
        ({"host": "https://mail.example/", "sender": "a@b.example"}, "Type a host name or an IP address only"),
        ({"host": "mail example", "sender": "a@b.example"}, "Type a host name or an IP address only"),
        ({"host": "mail.example", "port": "70000", "sender": "a@b.example"}, "from 1 to 65535"),
        ({"host": "mail.example", "port": "0", "sender": "a@b.example"}, "from 1 to 65535"),
        ({"host": "m.example", "sender": "a@b.example", "security": "none", "user": "x", "typed": "y"}, "in the open"),
        ({"host": "m.example", "sender": "a@b.example", "user": "x"}, "Type the password"),
        ({"sender": "nobody"}, "valid email address"),
    ],
)
def test_what_cannot_work_is_refused(web: Client, typed: dict[str, str], said: str) -> None:
    assert said in save(web, **typed)
    assert not MailServer.objects.exists()


def test_a_password_that_was_sealed_with_another_key_is_told(
    web: Client, post: Post, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(web, host="localhost", user="paris", typed="secret", sender="p@paris.example")
    monkeypatch.setattr(settings, "SECRET_KEY", "another")
    outbox.tell([alice], "x", LETTER)
    attempt()
    assert "Type it anew at Server > Configuration > Mail server." in Outage.objects.get().last_error


def test_cures_name_the_page_when_the_page_is_wrong(web: Client, secured_post: Post, alice: User) -> None:
    save(web, host="localhost", port=secured_post.port, user="paris", typed="wrong", sender="p@paris.example")
    outbox.tell([alice], "x", LETTER)
    attempt()
    error = Outage.objects.get().last_error
    assert error.endswith("Correct the user name or the password.")
    assert "smtp_user" not in error
    page = save(web, host="localhost", port=secured_post.port, user="paris", typed=PASSWORD, sender="p@paris.example")
    assert "refused the user name" in page, "until it was tried"
    while attempt():
        pass
    assert len(secured_post.mails) == 1, "it is tried at once"
    assert not Outage.objects.exists()


def test_it_is_for_administrators(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(PLACE).status_code == 403


def test_emptying_the_host_brings_back_the_settings_file(web: Client, post: Post) -> None:
    save(web, host="mail.example", sender="p@paris.example", user="x", typed="y")
    save(web)
    row = MailServer.objects.get()
    assert (row.host, row.user, row.password) == ("", "", "")
    assert mailserver.in_force().host == "127.0.0.1"
