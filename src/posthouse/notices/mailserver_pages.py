"""Server > Configuration > Mail server: by which server mails go out, where each value comes from, and a test."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from posthouse.audit import log as audit
from posthouse.jobs.wake import wake_on_commit
from posthouse.notices import mailserver
from posthouse.notices.mailserver import FILE, PAGE, InForce
from posthouse.notices.models import MailServer, Outage
from posthouse.web.access import administrator_required
from posthouse.web.forms import ModelForm


class MailServerForm(ModelForm[MailServer]):
    """The mail server."""

    class Meta:
        model = MailServer
        fields = ["host", "port", "security", "user", "sender"]
        help_texts = {
            "host": "Empty: as in the settings file, with everything that belongs to it.",
            "port": "Empty: 587; 465 with TLS from the first byte on, 25 with none.",
            "user": "If the mail server wants one. It needs a secured line.",
            "sender": "Mails come from it. The mail server must be allowed to send for it.",
        }

    field_order = ["host", "port", "security", "user", "typed", "sender"]
    typed = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Empty: the one that is stored stays. It is stored sealed, and shown nowhere.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = (self.instance.host, self.instance.user, self.instance.password)
        self.fields["sender"].required = False
        if settings.POSTHOUSE.mail_from:
            self.fields["sender"].help_text += f" Empty: {settings.POSTHOUSE.mail_from}, as in the settings file."

    def clean_port(self) -> int | None:
        """Refuse what is no port."""
        port: int | None = self.cleaned_data["port"]
        if port is not None and not 1 <= port <= 65535:
            raise ValidationError("A port is a number from 1 to 65535.")
        return port

    def clean_host(self) -> str:
        """Refuse what is no host name."""
        host: str = self.cleaned_data["host"].strip()
        bare = host.removeprefix("[").removesuffix("]")
        try:
            return str(ip_address(bare))
        except ValueError:
            if any(character.isspace() or character in "/@:?#[]" for character in host):
                raise ValidationError("Type a host name or an IP address only, for example mail.example.com.") from None
        return host

    def clean(self) -> dict[str, Any]:
        """Refuse what does not go together; a stored password goes to the host and the user that it was typed for."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        host, user, typed = data["host"], data["user"], data["typed"]
        if not host:
            data["user"] = self.instance.password = ""
            return data
        if not data["sender"] and not settings.POSTHOUSE.mail_from:
            self.add_error("sender", "Type the address that mails come from.")
        if user and data["security"] == MailServer.Security.NONE:
            self.add_error(
                "security", "A password must not travel in the open. Choose a secured line, or no user name."
            )
        if typed:
            self.instance.password = mailserver.sealed(typed) if user else ""
        elif not user:
            self.instance.password = ""
        elif (host, user) != self.before[:2] or not self.before[2]:
            self.add_error("typed", "Type the password of this user at this mail server.")
        return data


@administrator_required
@sensitive_post_parameters("typed")
@require_http_methods(["GET", "HEAD", "POST"])
def server(request: HttpRequest) -> HttpResponse:
    """Set the mail server."""
    row = MailServer.objects.first() or MailServer()
    form = MailServerForm(request.POST if request.method == "POST" else None, instance=row)
    if form.is_bound and form.is_valid():
        with transaction.atomic():
            form.save()
            # What waits is tried at once: what was wrong may be mended now.
            Outage.objects.update(next_try_at=timezone.now())
            wake_on_commit()
            line = mailserver.in_force()
            told = f"{line.host}, port {line.port}" if line.host else "none"
            changed = ", ".join(str(form[name].label).lower() for name in form.changed_data) or "nothing"
            text = f"The mail server was set: {told}. Changed: {changed}."
            audit.record(audit.who(request), "mails.server", text)
        messages.success(request, "The mail server was set. Send a test mail to see whether it works.")
        return redirect("notices:server")
    context = {"form": form, "lines": lines(mailserver.in_force()), "outage": Outage.objects.first()}
    return render(request, "notices/mail_server.html", context)


def lines(line: InForce) -> list[tuple[str, str, str]]:
    """Return what holds now: what it is called, its value, and where that comes from. The password is never shown."""
    source = PAGE if line.from_page else FILE
    page = MailServer.objects.first()
    port_is_set = page is not None and page.port if line.from_page else settings.POSTHOUSE.smtp_port
    if not line.host:
        return [("Mail server", "none: mails wait at Server > Outgoing mail", "")]
    return [
        ("Mail server", line.host, source),
        ("Port", str(line.port), source if port_is_set else "usual for this security"),
        ("Security", str(MailServer.Security(line.security).label), source),
        ("User name", line.user or "none", source),
        ("Password", "is set" if line.user else "none", source),
        ("Sender's address", line.sender, PAGE if line.sender_from_page else FILE),
    ]
