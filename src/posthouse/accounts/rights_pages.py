"""The pages about what people may do and how much they may send: for a role, and for one person."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from posthouse.accounts import access, permissions
from posthouse.accounts.models import User
from posthouse.accounts.rights_forms import PersonRightsForm, StandardForm
from posthouse.audit import log as audit
from posthouse.cluster import servers
from posthouse.web.access import administrator_required

form_methods = require_http_methods(["GET", "HEAD", "POST"])


@administrator_required
@form_methods
def standard(request: HttpRequest) -> HttpResponse:
    """Set what users may do unless something else is set for one of them."""
    keeper = access.keeper()
    if keeper is not None:
        url = None if keeper.is_self else servers.page(keeper, "accounts:standard")
        return render(request, "accounts/at_master.html", {"keeper": keeper, "keeper_url": url}, status=403)
    form = StandardForm(permissions.standard(User.Role.USER), request.POST if request.method == "POST" else None)
    if form.is_valid():
        with transaction.atomic():
            form.keep()
            audit.record(audit.who(request), "permissions.role", "What users may do was set.")
        messages.success(request, "What users may do was saved.")
        return redirect("web:configuration")
    return render(request, "accounts/standard.html", {"form": form})


@administrator_required
@form_methods
def person(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Set what one person may do."""
    user = get_object_or_404(User.objects.present(), pk=user_id)
    keeper = access.keeper(user)
    if keeper is not None:
        url = None if keeper.is_self else servers.page(keeper, "accounts:rights", user_id)
        return render(request, "accounts/at_master.html", {"keeper": keeper, "keeper_url": url}, status=403)
    form = PersonRightsForm(user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        with transaction.atomic():
            form.keep()
            audit.record(audit.who(request), "permissions.account", f"What {user} may do was set: {form.told}.", user)
        messages.success(request, f"What {user} may do was saved.")
        return redirect("accounts:edit", user_id)
    return render(request, "accounts/rights.html", {"form": form, "person": user})
