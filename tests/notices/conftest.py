"""A real SMTP server on this machine, which refuses what a test tells it to, and the worker's attempts at mails."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from django.conf import settings
from django.core.mail.utils import DNS_NAME

from posthouse.cli.certificates import self_made
from posthouse.jobs import leases
from posthouse.jobs.job import Job
from posthouse.jobs.registry import kinds
from posthouse.jobs.worker import perform
from posthouse.notices import outbox
from posthouse.notices.letters import Letter
from posthouse.notices.models import OutgoingMail

PASSWORD = "open sesame"
LETTER = Letter(subject="Hello", text="It works.")


@dataclass
class Post:
    """What an SMTP server took, and what it answers instead of taking it: `answers[command]`, in turn, then OK."""

    port: int
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def mails(self) -> list[EmailMessage]:
        return [mail for _, mail in self.taken]

    def _answer(self, command: str) -> str | None:
        waiting = self.answers.get(command)
        return waiting.pop(0) if waiting else None

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self._answer("MAIL") or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        refused = self._answer("RCPT")
        if not refused:
            envelope.rcpt_tos.append(address)
        return refused or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        refused = self._answer("DATA")
        if not refused:
            mail = message_from_bytes(envelope.content, policy=policy.default)
            self.taken.append((envelope.rcpt_tos, mail))  # type: ignore[arg-type]
        return refused or "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that changes the options about mail."""
    monkeypatch.setattr(DNS_NAME, "_fqdn", "paris.example", raising=False)  # it may take seconds to find out

    def change(**options: object) -> None:
        for name, value in options.items():
            monkeypatch.setattr(settings.POSTHOUSE, name, value)

    return change


@pytest.fixture
def post(configure: Callable[..., None]) -> Iterator[Post]:
    """An SMTP server without TLS, which the settings name."""
    handler = Post(free_port())
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    configure(smtp_host="127.0.0.1", smtp_port=handler.port, smtp_security="none", mail_from="posthouse@paris.example")
    yield handler
    controller.stop()


@pytest.fixture
def secured_post(configure: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """An SMTP server that wants STARTTLS and a password, which the settings name; its certificate is trusted."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    for file, data in zip((certificate, key), self_made("localhost"), strict=True):
        file.write_bytes(data)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def admit(server: Any, session: Any, envelope: Any, mechanism: str, given: LoginPassword) -> AuthResult:
        success = given == LoginPassword(b"paris", PASSWORD.encode())
        # Not handled: it is aiosmtpd that says 535.
        return AuthResult(success=success, handled=False)

    handler = Post(free_port())
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=handler.port,
        tls_context=context,
        require_starttls=True,
        authenticator=admit,
        auth_required=True,
    )
    controller.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    configure(
        smtp_host="localhost",
        smtp_port=handler.port,
        smtp_security="starttls",
        smtp_user="paris",
        smtp_password_file=tmp_path / "password",
        mail_from="posthouse@paris.example",
    )
    yield handler
    controller.stop()


def attempt() -> OutgoingMail | None:
    """Make one attempt at the mail that is next, as the worker does; None when none is due."""
    row = leases.claim(outbox.due(), "worker")
    if row is None:
        return None
    perform(kinds["mail"], Job(row))
    row.refresh_from_db()
    return row


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """Return the text and the HTML of a mail that arrived."""
    plain, html = mail.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content().replace("\r\n", "\n"), html.get_content()


def told() -> list[tuple[str, str]]:
    """Return who gets which mail, by address and subject."""
    return sorted(OutgoingMail.objects.values_list("to", "subject"))
