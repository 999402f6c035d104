"""A mail server that fails in every way: each mail is sent exactly once, or its failure is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db.models import DateTimeField, Value
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.jobs import leases
from posthouse.jobs.models import State
from posthouse.notices import outbox, smtp
from posthouse.notices.models import Outage, OutgoingMail
from tests.conftest import make_user
from tests.notices.conftest import LETTER, Post, attempt, free_port

START = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


@pytest.fixture
def people(paris) -> list[User]:
    return [make_user(f"person{number}", paris) for number in range(12)]


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the database go by the clock that a test moves."""

    def now() -> Value:
        return Value(timezone.now(), output_field=DateTimeField())

    monkeypatch.setattr(leases, "Now", now)
    monkeypatch.setattr(outbox, "Now", now)


def work(clock, hours: float, step: timedelta = timedelta(minutes=2)) -> int:
    """Let the worker look again and again for so many hours; return how many attempts it made."""
    attempts = 0
    for _ in range(int(timedelta(hours=hours) / step)):
        while attempt():
            attempts += 1
        clock.shift(step)
    return attempts


def addresses(post: Post) -> list[str]:
    return sorted(recipient for recipients, _ in post.taken for recipient in recipients)


def test_after_a_day_without_the_mail_server_each_mail_goes_out_once(
    post: Post, configure: Callable[..., None], people: list[User]
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        configure(smtp_port=free_port())
        outbox.tell(people, "x", LETTER)
        attempts = work(clock, 24)
        assert 40 <= attempts <= 80, "one of them tries, with pauses up to half an hour"
        assert post.taken == []
        assert "cannot be reached" in Outage.objects.get().last_error
        configure(smtp_port=post.port)
        work(clock, 1)
        assert addresses(post) == sorted(person.email for person in people)
        assert not Outage.objects.exists()
        assert set(OutgoingMail.objects.values_list("state", flat=True)) == {State.DONE}
        work(clock, 1)
        assert len(post.taken) == len(people)


def test_after_four_days_without_it_each_mail_has_failed_with_the_reason(
    post: Post, configure: Callable[..., None], people: list[User]
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        configure(smtp_port=free_port())
        outbox.tell(people, "x", LETTER)
        for _ in range(4 * 24 * 2):
            while attempt():
                pass
            outbox.end_old()
            clock.shift(timedelta(minutes=30))
        assert set(OutgoingMail.objects.values_list("state", flat=True)) == {State.FAILED}
        assert all("cannot be reached" in error for error in OutgoingMail.objects.values_list("last_error", flat=True))
        configure(smtp_port=post.port)
        work(clock, 1)
        assert post.taken == []


def test_a_mix_of_refusals_sends_each_mail_once_or_tells_why(post: Post, people: list[User]) -> None:
    post.answers["RCPT"] = ["451 Greylisted", "550 No such user", "450 Later", "250 OK", "452 Full", "553 Bad name"] * 2
    post.answers["DATA"] = ["451 Busy", "554 Spam", "452 No room"]
    post.answers["MAIL"] = ["451 Not now", "421 Going down"]
    with time_machine.travel(START, tick=False) as clock:
        outbox.tell(people, "x", LETTER)
        work(clock, 6)
    sent = addresses(post)
    failed = OutgoingMail.objects.filter(state=State.FAILED)
    assert len(sent) == len(set(sent)), "none twice"
    assert {mail.to for mail in failed}.isdisjoint(sent)
    assert len(sent) + len(failed) == len(people), "none lost"
    assert 3 <= len(failed) <= 8
    assert all(mail.last_error for mail in failed)


class Rude:
    """A mail server that takes connections and then does what a test wants."""

    def __init__(self, act: Callable[[socket.socket], None]) -> None:
        self.act, self.calls = act, 0
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.door.accept()
            except OSError:
                return
            self.calls += 1
            with line, suppress(OSError):
                line.settimeout(5)
                self.act(line)

    def close(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.thread.join(5)


def talk(line: socket.socket, until: bytes) -> None:
    """Speak SMTP as far as the client's line that begins so, then say nothing more."""
    line.sendall(b"220 rude\r\n")
    with line.makefile("rb") as words:
        for word in words:
            if word.upper().startswith(until):
                return
            if word.upper().startswith(b"DATA"):
                line.sendall(b"354 go on\r\n")
                for text in words:
                    if text == b".\r\n":
                        break
                if until == b".":
                    return
            line.sendall(b"250 OK\r\n")


@pytest.fixture
def rude(configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rude]]:
    """A function that starts such a server, which the settings name."""
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.5)
    started: list[Rude] = []

    def start(act: Callable[[socket.socket], None]) -> Rude:
        server = Rude(act)
        started.append(server)
        configure(smtp_host="127.0.0.1", smtp_port=server.port, smtp_security="none", mail_from="p@paris.example")
        return server

    yield start
    for server in started:
        server.close()


def silent(line: socket.socket) -> None:
    """Say nothing, for longer than anybody waits."""
    with suppress(TimeoutError):
        line.recv(1)


@pytest.mark.parametrize(
    ("act", "of_server"),
    [
        (lambda line: None, True),  # hangs up at once
        (silent, True),
        (lambda line: line.sendall(b"554 Go away\r\n"), True),
        (lambda line: line.sendall(b"\xff\xfe garbage without end" * 50), True),
        (lambda line: talk(line, b"MAIL"), False),
        (lambda line: talk(line, b"RCPT"), False),
        (lambda line: talk(line, b"DATA"), False),
        (lambda line: talk(line, b"."), False),
    ],
    ids=[
        "hangs up",
        "silent",
        "unwilling",
        "garbage",
        "drops at MAIL",
        "drops at RCPT",
        "drops at DATA",
        "drops at end",
    ],
)
def test_a_server_that_breaks_off_or_says_nothing_leaves_the_mail_waiting(
    rude, post: Post, configure: Callable[..., None], alice: User, act: Callable[[socket.socket], None], of_server: bool
) -> None:
    server = rude(act)
    with time_machine.travel(START, tick=False) as clock:
        outbox.tell([alice], "x", LETTER)
        mail = attempt()
        assert mail is not None
        assert mail.state == State.DEFERRED
        assert mail.last_error
        assert Outage.objects.exists() is of_server
        assert server.calls == 1
        configure(smtp_port=post.port)
        work(clock, 1)
    assert addresses(post) == ["alice@example.com"]
    assert post.mails[0]["Message-ID"] == f"<{mail.pk}@paris.example>"


def test_a_mail_whose_acknowledgement_was_lost_goes_out_with_the_same_id(
    rude, post: Post, configure: Callable[..., None], alice: User
) -> None:
    """The server took it and its answer was lost: nobody can know. Mail programs show two with one id once."""
    ids = []

    def act(line: socket.socket) -> None:
        line.sendall(b"220 rude\r\n")
        with line.makefile("rb") as words:
            for word in words:
                if word.startswith(b"Message-ID:"):
                    ids.append(word.decode().split()[1])
                if word.upper().startswith(b"DATA"):
                    line.sendall(b"354 go on\r\n")
                elif word == b".\r\n":
                    return
                elif word.upper().startswith((b"EHLO", b"MAIL", b"RCPT")):
                    line.sendall(b"250 OK\r\n")

    rude(act)
    with time_machine.travel(START, tick=False) as clock:
        outbox.tell([alice], "x", LETTER)
        attempt()
        configure(smtp_port=post.port)
        work(clock, 1)
    assert ids == [post.mails[0]["Message-ID"]]
    assert len(post.taken) == 1
