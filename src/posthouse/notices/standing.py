"""How the mail server is doing, for the health page and for the bar of administrators."""

from __future__ import annotations

from collections.abc import Iterator

from posthouse.notices import mailserver
from posthouse.notices.conditions import Condition
from posthouse.notices.models import Outage, OutgoingMail
from posthouse.notices.outbox import WAITING
from posthouse.web.health import Fact


def facts() -> list[Fact]:
    """Return the line of the health page."""
    count = OutgoingMail.objects.filter(state__in=WAITING).count()
    waiting = f"{count} mail{'' if count == 1 else 's'} waiting"
    line = mailserver.in_force()
    if line.host is None:
        return [
            Fact(
                "E-mail",
                "wait",
                f"No mail server is set, {waiting}",
                "Set one at Server > Configuration > Mail server: until then nobody is told anything by e-mail.",
            )
        ]
    outage = Outage.objects.first()
    if outage:
        return [Fact("E-mail", "error", f"Mails cannot be sent, {waiting}", outage.last_error)]
    return [Fact("E-mail", "ok", f"{line.host}, port {line.port}, {waiting}")]


def conditions() -> Iterator[Condition]:
    """Yield that mails cannot be sent, while it is so."""
    outage = Outage.objects.first()
    if outage and mailserver.in_force().host is not None:
        yield Condition(f"Mails cannot be sent. {outage.last_error}", "notices:mails", "Outgoing mail")
