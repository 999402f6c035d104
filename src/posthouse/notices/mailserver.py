"""The mail server that is used: as administrators have set it on its page, else as the settings file says.

What belongs to the line (port, security, user name, password) comes from where the host comes from: a password of the
settings file never goes to a host that was typed on a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from posthouse.lib import lockbox
from posthouse.notices.models import MailServer

PURPOSE = "mail server 1"
PORTS = {"none": 25, "starttls": 587, "tls": 465}
PAGE, FILE = "this page", "the settings file"


class NoPassword(Exception):
    """The password cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class InForce:
    """What holds now. Without a host mails wait at Server > Outgoing mail."""

    host: str | None
    port: int
    security: str
    user: str
    sender: str
    password: Callable[[], str]
    """Reads it. Raises NoPassword."""
    from_page: bool
    """Whether the line was set on the page."""
    sender_from_page: bool

    @property
    def where(self) -> str:
        """Where the line can be corrected, as words of a sentence."""
        return "at Server > Configuration > Mail server" if self.from_page else "in the settings file"

    @property
    def cures(self) -> dict[str, str]:
        """What the values are called where they can be corrected."""
        if self.from_page:
            return {
                "user": "the user name or the password",
                "line": "the security, the port or the user name",
                "host": "the host name",
            }
        return {
            "user": "smtp_user and the password in smtp_password_file",
            "line": "smtp_security, smtp_port or smtp_user",
            "host": "smtp_host",
        }


def in_force() -> InForce:
    """Return the mail server that is used now."""
    row, options = MailServer.objects.first() or MailServer(), settings.POSTHOUSE
    sender = row.sender or options.mail_from or ""
    if row.host:
        return InForce(
            host=row.host if sender else None,
            port=row.port or PORTS[row.security],
            security=row.security,
            user=row.user,
            sender=sender,
            password=lambda: _unsealed(row.password),
            from_page=True,
            sender_from_page=bool(row.sender),
        )
    return InForce(
        host=options.smtp_host,
        port=options.mail_port,
        security=options.smtp_security,
        user=options.smtp_user or "",
        sender=sender,
        password=_of_file,
        from_page=False,
        sender_from_page=bool(row.sender),
    )


@sensitive_variables("password")
def sealed(password: str) -> str:
    """Return a password as it is stored."""
    return lockbox.seal(password, PURPOSE)


def _unsealed(text: str) -> str:
    if not text:
        return ""
    try:
        return lockbox.unseal(text, PURPOSE)
    except lockbox.Unreadable as error:
        raise NoPassword(
            "The stored password of the mail server cannot be read: it was stored under another secret key of this"
            " server. Type it anew at Server > Configuration > Mail server."
        ) from error


def _of_file() -> str:
    file = settings.POSTHOUSE.smtp_password_file
    if file is None:
        return ""
    try:
        return str(file.read_text().strip())
    except (OSError, ValueError) as error:
        raise NoPassword(
            f"The file {file} cannot be read. Correct smtp_password_file, or let the server's user read it."
        ) from error
