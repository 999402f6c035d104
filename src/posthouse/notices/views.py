"""Server > Outgoing mail: what was sent, what waits, and why."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from posthouse.accounts.models import User
from posthouse.jobs.models import State
from posthouse.lib.ids import uuid7
from posthouse.notices import mailserver, outbox
from posthouse.notices.letters import Letter, link
from posthouse.notices.models import Outage, OutgoingMail
from posthouse.web.access import administrator_required
from posthouse.web.paging import page


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the mails, newest first."""
    mails = OutgoingMail.objects.defer("text", "html").order_by("-created_at", "-pk")
    return render(request, "notices/mails.html", {"page": page(request, mails)} | _server())


@administrator_required
@require_safe
def mail(request: HttpRequest, mail_id: UUID) -> HttpResponse:
    """Show one mail. A poll gets its status only."""
    found = get_object_or_404(OutgoingMail, pk=mail_id)
    server = _server()
    # A mail that waits for its next try, or for the mail server, is no reason to ask each second.
    moves = found.state == State.ACTIVE or (
        found.state == State.QUEUED and bool(server["host"]) and not server["outage"]
    )
    polled = request.headers.get("HX-Request") == "true"
    context = {
        "mail": found,
        "moves": moves,
        "can_retry": bool(server["host"]) and found.state in {*outbox.WAITING, State.FAILED},
    }
    return render(request, "notices/mail_live.html" if polled else "notices/mail.html", context | server)


@administrator_required
@require_POST
def retry(request: HttpRequest, mail_id: UUID) -> HttpResponse:
    """Try a mail again at once."""
    found = get_object_or_404(OutgoingMail, pk=mail_id)
    if not outbox.retry(OutgoingMail.objects.filter(pk=found.pk)):
        messages.info(request, "This mail is being sent just now, or was sent already.")
    return redirect("notices:mail", mail_id)


@administrator_required
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Send a mail to the administrator who asks for it, and show what becomes of it."""
    user = cast(User, request.user)
    about = f"test:{uuid7()}"
    letter = Letter(
        subject=f"Test mail from {settings.POSTHOUSE.name}",
        text=f"{user} asked for this mail at Server > Outgoing mail. It has arrived, so mails can be sent.",
        link=link("notices:mails"),
        action="Outgoing mail",
    )
    outbox.tell([user], about, letter)
    made = OutgoingMail.objects.filter(about=about).first()
    if made is None:
        messages.error(request, "Your account has no e-mail address. Give it one first.")
        return redirect("notices:mails")
    outbox.retry(OutgoingMail.objects.filter(pk=made.pk))  # also while others wait for the mail server
    return redirect("notices:mail", made.pk)


def _server() -> dict[str, Any]:
    return {"host": mailserver.in_force().host, "outage": Outage.objects.first(), "State": State}
