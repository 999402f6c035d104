"""Mails leave by a real SMTP server; what it refuses, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.notices import decide, outbox
from posthouse.notices.letters import Letter
from posthouse.notices.models import Outage, OutgoingMail
from tests.conftest import make_user
from tests.notices.conftest import LETTER, Post, attempt, bodies, free_port


def due_again() -> None:
    """Let the time pass until the next tries."""
    OutgoingMail.objects.filter(state=State.DEFERRED).update(next_try_at=timezone.now() - timedelta(seconds=1))
    Outage.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def made_ago(**ago: float) -> None:
    OutgoingMail.objects.update(created_at=timezone.now() - timedelta(**ago))


def test_a_mail_goes_out_as_text_and_as_html(post: Post, alice: User) -> None:
    letter = Letter("Größe", "Wide <b>.", {"Title": "Rushes"}, "https://paris.example/x", "Open it")
    outbox.tell([alice], "x", letter)
    mail = attempt()
    assert mail is not None
    assert (mail.state, mail.last_error) == (State.DONE, "")
    [(recipients, sent)] = post.taken
    assert recipients == ["alice@example.com"]
    assert sent["Subject"] == "Größe"
    assert sent["To"] == "alice@example.com"
    assert sent["From"] == "Posthouse paris <posthouse@paris.example>"
    assert sent["Message-ID"] == f"<{mail.pk}@paris.example>"
    assert sent["Auto-Submitted"] == "auto-generated", "no holiday notice should answer it"
    plain, html = bodies(sent)
    for words in ("Wide <b>.", "Title: Rushes", "Open it:\nhttps://paris.example/x\n", "Posthouse on paris"):
        assert words in plain
    assert "Wide &lt;b&gt;." in html
    assert '<a href="https://paris.example/x">Open it</a>' in html
    assert attempt() is None


def test_a_mail_exists_only_if_its_event_is_committed(post: Post, alice: User) -> None:
    with transaction.atomic():
        outbox.tell([alice], "x", LETTER)
        transaction.set_rollback(True)
    assert not OutgoingMail.objects.exists()


def test_each_person_is_told_of_an_event_once(alice: User, bob: User) -> None:
    outbox.tell([alice], "x", LETTER)
    outbox.tell([alice, bob, bob], "x", LETTER)
    outbox.tell([alice], "y", LETTER)
    told = sorted(OutgoingMail.objects.values_list("to", "about"))
    assert told == [("alice@example.com", "x"), ("alice@example.com", "y"), ("bob@example.com", "x")]


def test_nobody_is_told_who_cannot_log_in(paris: Server) -> None:
    people = [
        make_user("gone", paris, removed_at=timezone.now()),
        make_user("off", paris, is_active=False),
    ]
    nowhere = make_user("nowhere", paris)
    nowhere.email = ""
    outbox.tell([*people, nowhere], "x", LETTER)
    assert not OutgoingMail.objects.exists()


def test_an_administrator_with_two_accounts_is_told_once(admin: User, paris: Server) -> None:
    make_user("admin", paris, User.Role.ADMINISTRATOR, local=True)
    make_user("off", paris, User.Role.ADMINISTRATOR, is_active=False)
    assert [person.login for person in outbox.administrators()] == ["admin"]


def test_an_address_that_is_refused_ends_its_mail_and_no_other(post: Post, alice: User, bob: User) -> None:
    post.answers["RCPT"] = ["550 No such user <here>"]
    outbox.tell([alice], "x", LETTER)
    outbox.tell([bob], "x", LETTER)
    refused, sent = attempt(), attempt()
    assert refused is not None
    assert sent is not None
    assert refused.state == State.FAILED
    assert refused.last_error == "The mail server refused the address alice@example.com: “550 No such user <here>”."
    assert sent.state == State.DONE
    assert not Outage.objects.exists()


@pytest.mark.parametrize(
    ("command", "answer"), [("RCPT", "451 Greylisted, come back"), ("DATA", "452 Busy"), ("RCPT", "450 Try later")]
)
def test_a_mail_that_is_not_taken_now_is_taken_later(post: Post, alice: User, command: str, answer: str) -> None:
    post.answers[command] = [answer]
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert mail.state == State.DEFERRED
    assert answer in mail.last_error
    assert mail.next_try_at
    assert mail.next_try_at > timezone.now() + timedelta(seconds=30)
    assert attempt() is None
    due_again()
    again = attempt()
    assert again is not None
    assert (again.state, again.attempts, again.last_error) == (State.DONE, 2, "")
    assert len(post.mails) == 1


def test_a_mail_whose_words_are_refused_fails(post: Post, alice: User) -> None:
    post.answers["DATA"] = ["554 Spam"]
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert (mail.state, mail.last_error) == (State.FAILED, "The mail server refused the mail: “554 Spam”.")


def test_while_the_mail_server_is_away_one_mail_tries_and_all_wait(
    post: Post, configure: Callable[..., None], alice: User, bob: User
) -> None:
    configure(smtp_port=free_port())
    outbox.tell([alice, bob], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert mail.state == State.DEFERRED
    assert f"The mail server 127.0.0.1, port {settings.POSTHOUSE.smtp_port}, cannot be reached" in mail.last_error
    assert attempt() is None, "the other one need not find out by itself"
    outage = Outage.objects.get()
    assert (outage.failures, outage.last_error) == (1, mail.last_error)
    assert timedelta(seconds=40) < outage.next_try_at - timezone.now() <= timedelta(minutes=1)
    due_again()
    assert attempt()
    assert Outage.objects.get().failures == 2

    configure(smtp_port=post.port)
    due_again()
    assert attempt()
    assert attempt()
    assert attempt() is None
    assert sorted(recipient for recipients, _ in post.taken for recipient in recipients) == [alice.email, bob.email]
    assert not Outage.objects.exists()


def test_two_that_fail_at_once_count_as_one_failure(db: None) -> None:
    assert outbox.server_failed("away")
    assert outbox.server_failed("away")
    assert Outage.objects.get().failures == 1


@pytest.mark.parametrize(
    ("command", "answer", "words"),
    [
        ("RCPT", "421 Closing", "“421 Closing”"),
        ("MAIL", "550 Not your address", "takes no mails from posthouse@paris.example: “550 Not your address”."),
    ],
)
def test_a_refusal_that_is_about_us_stops_all_mails(
    post: Post, alice: User, command: str, answer: str, words: str
) -> None:
    post.answers[command] = [answer]
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert mail.state == State.DEFERRED
    assert words in Outage.objects.get().last_error


def test_it_logs_in_over_a_secured_line(secured_post: Post, alice: User) -> None:
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert (mail.state, mail.last_error) == (State.DONE, "")
    assert secured_post.mails[0]["Subject"] == "Hello"


def test_a_wrong_password_is_told_and_mended_without_a_restart(secured_post: Post, alice: User, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert mail.state == State.DEFERRED
    assert "refused the user name or the password: “535" in mail.last_error
    assert "wrong" not in mail.last_error
    assert attempt() is None

    (tmp_path / "password").unlink()
    due_again()
    assert attempt()
    assert "cannot be read. Correct smtp_password_file" in Outage.objects.get().last_error

    (tmp_path / "password").write_text("open sesame")
    due_again()
    attempt()
    assert len(secured_post.mails) == 1


def test_a_certificate_that_is_not_trusted_is_told(
    secured_post: Post, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert "The certificate of localhost is not to be trusted: self-signed certificate" in mail.last_error
    assert secured_post.taken == []


def test_a_line_that_cannot_be_secured_is_not_used(post: Post, configure: Callable[..., None], alice: User) -> None:
    configure(smtp_security="starttls")
    outbox.tell([alice], "x", LETTER)
    mail = attempt()
    assert mail is not None
    assert "does not offer what the settings want" in mail.last_error
    configure(smtp_security="tls")
    due_again()
    mail = attempt()
    assert mail is not None
    assert "does not speak TLS as expected. Correct smtp_security or smtp_port." in mail.last_error
    assert post.taken == []


def test_a_mail_is_tried_for_three_days(post: Post, alice: User) -> None:
    post.answers["RCPT"] = ["451 Not now"] * 2
    outbox.tell([alice], "x", LETTER)
    made_ago(days=2.9)
    attempt()
    made_ago(days=3.1)
    due_again()
    mail = attempt()
    assert mail is not None
    assert mail.state == State.FAILED
    assert mail.last_error.endswith("“451 Not now”. It was tried for 3 days.")


def test_without_a_mail_server_mails_wait_and_are_given_up_after_three_days(alice: User, bob: User) -> None:
    outbox.tell([alice], "x", LETTER)
    assert attempt() is None
    assert outbox.end_old() == 0
    made_ago(days=3.1)
    outbox.tell([bob], "x", LETTER)
    assert outbox.end_old() == 1
    old = OutgoingMail.objects.get(person=alice)
    assert (old.state, old.last_error) == (State.FAILED, "No mail server was set within 3 days.")
    assert OutgoingMail.objects.get(person=bob).state == State.QUEUED


def test_what_waited_too_long_for_a_mail_server_that_is_away_is_given_up(post: Post, alice: User) -> None:
    outbox.tell([alice], "x", LETTER)
    made_ago(days=3.1)
    assert outbox.end_old() == 0, "there is a mail server: it is asked at least once"
    outbox.server_failed("It is away.")
    assert outbox.end_old() == 1
    assert OutgoingMail.objects.get().last_error == "It is away."


def test_what_has_ended_is_forgotten_after_thirty_days(post: Post, alice: User, bob: User) -> None:
    outbox.tell([alice, bob], "x", LETTER)
    attempt()
    OutgoingMail.objects.filter(state=State.DONE).update(ended_at=timezone.now() - timedelta(days=29))
    assert outbox.forget_old() == 0
    OutgoingMail.objects.filter(state=State.DONE).update(ended_at=timezone.now() - timedelta(days=31))
    assert outbox.forget_old() == 1
    assert OutgoingMail.objects.get().state == State.QUEUED


def test_a_failed_mail_can_be_tried_again(post: Post, alice: User) -> None:
    post.answers["RCPT"] = ["550 No"]
    outbox.tell([alice], "x", LETTER)
    attempt()
    assert outbox.retry(OutgoingMail.objects.all()) == 1
    attempt()
    assert len(post.mails) == 1
    assert outbox.retry(OutgoingMail.objects.all()) == 0, "it was sent"


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (1000, 30)],
)
def test_pauses_grow_up_to_half_an_hour(attempts: int, minutes: int) -> None:
    assert decide.delay(attempts, 0) == timedelta(minutes=minutes)
    assert decide.delay(attempts, 1) == timedelta(minutes=minutes) * 0.75
