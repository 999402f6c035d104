"""Server > Configuration > Security."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from posthouse.accounts import access, sessions
from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.security import PasswordRules, SignIn
from posthouse.accounts.security_forms import EncryptionForm, RulesForm, SignInForm, told
from posthouse.audit import log as audit
from posthouse.cluster import servers
from posthouse.web.access import address_of, administrator_required


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def security(request: HttpRequest) -> HttpResponse:
    """Set what holds for the cluster, passwords and encryption at rest, and how people log in to this server (M4)."""
    keeper = access.keeper()
    part = request.POST.get("part") if request.method == "POST" else None
    rules = RulesForm(request.POST if part == "passwords" else None, instance=PasswordRules.in_force())
    sign_in = SignInForm(address_of(request), request.POST if part == "login" else None, instance=SignIn.in_force())
    if keeper is None and rules.is_bound and rules.is_valid():
        return _save(request, rules, "security.passwords", "The rules for passwords were set")
    encryption = EncryptionForm(
        request.POST if part == "encryption" else None, instance=EncryptionRule.in_force(), prefix="encryption"
    )
    if keeper is None and encryption.is_bound and encryption.is_valid():
        return _save(request, encryption, "security.encryption", "Encryption at rest was set")
    if sign_in.is_bound and sign_in.is_valid():
        return _save(request, sign_in, "security.login", "How people log in was set")
    context = {
        "rules": rules,
        "encryption": encryption,
        "sign_in": sign_in,
        "keeper": keeper,
        "address": address_of(request),
    }
    if keeper is not None:
        context["keeper_url"] = None if keeper.is_self else servers.page(keeper, "accounts:security")
    refused = keeper is not None and part in {"passwords", "encryption"}
    return render(request, "accounts/security.html", context, status=403 if refused else 200)


def _save(request: HttpRequest, form: RulesForm | EncryptionForm | SignInForm, action: str, text: str) -> HttpResponse:
    with transaction.atomic():
        saved = form.save()
        if isinstance(saved, SignIn):
            sessions.shorten(saved.session_age)
        audit.record(audit.who(request), action, f"{text}: {told(form)}.")
    messages.success(request, f"{text}.")
    return redirect("accounts:security")
