"""Handing one mail to the mail server (RFC 5321), and what its refusals mean."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.utils import formataddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from posthouse.lib.characters import one_line
from posthouse.notices import mailserver
from posthouse.notices.mailserver import InForce
from posthouse.notices.models import OutgoingMail
from posthouse.notices.outbox import SECRET

TIMEOUT_SECONDS = 30
SAID = 300


class NotSent(Exception):
    """The mail was not taken; the message says why and what to do."""

    of_server = False
    """Whether no other mail would have been taken either."""
    permanent = False
    """Whether it makes no sense to try this mail again."""


class Refused(NotSent):
    """The mail server does not want this mail, and will not want it later."""

    permanent = True


class NotNow(NotSent):
    """The mail server does not want this mail now."""


class ServerFails(NotSent):
    """The mail server cannot be reached, or does not want to work for us."""

    of_server = True


def send(mail: OutgoingMail) -> None:
    """Hand a mail to the mail server. Raises NotSent.

    A mail whose acknowledgement is lost goes out again, with the same Message-ID: mail programs show it once.
    """
    line = mailserver.in_force()
    server = _backend(line)
    try:
        _open(server, line)
        _hand_over(server, _message(mail, line.sender), mail.to, line.sender)
    finally:
        with suppress(smtplib.SMTPException, OSError):  # what was acknowledged is safe, whatever follows
            server.close()


def _message(mail: OutgoingMail, address: str) -> EmailMultiAlternatives:
    sender = formataddr((f"Posthouse {settings.POSTHOUSE.name}", address))
    headers = {"Message-ID": f"<{mail.pk}@{address.rpartition('@')[2]}>", "Auto-Submitted": "auto-generated"}
    text, html = mail.text, mail.html
    if mail.secret:
        text, html = text.replace(SECRET, mail.secret), html.replace(SECRET, mail.secret)
    message = EmailMultiAlternatives(mail.subject, text, sender, [mail.to], headers=headers)
    message.attach_alternative(html, "text/html")
    return message


def _backend(line: InForce) -> EmailBackend:
    try:
        password = line.password()
    except mailserver.NoPassword as error:
        raise ServerFails(str(error)) from error
    return EmailBackend(
        host=line.host,
        port=line.port,
        username=line.user,
        password=password,
        use_tls=line.security == "starttls",
        use_ssl=line.security == "tls",
        timeout=TIMEOUT_SECONDS,
    )


def _open(server: EmailBackend, line: InForce) -> None:
    name = f"The mail server {server.host}, port {server.port},"
    try:
        server.open()
    except smtplib.SMTPAuthenticationError as error:
        raise ServerFails(
            f"{name} refused the user name or the password: {_said(error.smtp_code, error.smtp_error)} "
            f"Correct {line.cures['user']}."
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise ServerFails(
            f"{name} does not offer what the settings want: {one_line(str(error), SAID)} Correct {line.cures['line']}."
        ) from error
    except smtplib.SMTPResponseException as error:
        raise ServerFails(f"{name} does not want to work: {_said(error.smtp_code, error.smtp_error)}") from error
    except ssl.SSLCertVerificationError as error:
        raise ServerFails(
            f"The certificate of {server.host} is not to be trusted: {one_line(error.verify_message, SAID)}. Correct "
            f"{line.cures['host']}, or add its certificate authority to those that this machine trusts."
        ) from error
    except ssl.SSLError as error:
        cure = "the security or the port" if line.from_page else "smtp_security or smtp_port"
        raise ServerFails(f"{name} does not speak TLS as expected. Correct {cure}.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise ServerFails(f"{name} cannot be reached: {one_line(str(error), SAID) or 'no answer'}.") from error


def _hand_over(server: EmailBackend, message: EmailMultiAlternatives, to: str, sender: str) -> None:
    try:
        server.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _kind(code)(f"The mail server refused the address {to}: {_said(code, said)}") from error
    except smtplib.SMTPSenderRefused as error:
        raise ServerFails(
            f"The mail server takes no mails from {sender}: "
            f"{_said(error.smtp_code, error.smtp_error)} Correct the sender's address (mail_from)."
        ) from error
    except smtplib.SMTPResponseException as error:
        raise _kind(error.smtp_code)(
            f"The mail server refused the mail: {_said(error.smtp_code, error.smtp_error)}"
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        # Of this mail, not of the server: one mail that a server breaks off at must not stop all others.
        raise NotNow(
            f"The connection to the mail server broke: {one_line(str(error), SAID) or 'no answer'}."
        ) from error
    except ValueError as error:
        raise Refused(f"No mail can be sent to {to}: the address is not a valid one. Correct it.") from error


def _kind(code: int) -> type[NotSent]:
    """Return what an answer's code means: 421 is good-bye, 4xx not now, 5xx never."""
    if code == 421:
        return ServerFails
    return NotNow if 400 <= code < 500 else Refused


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"“{code} {one_line(words, SAID)}”."
