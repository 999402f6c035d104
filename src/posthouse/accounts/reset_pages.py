"""The pages for whoever has forgotten his password, or has none yet."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from posthouse.accounts import resets
from posthouse.accounts.forms import NewPassword
from posthouse.accounts.security import SignIn
from posthouse.web.access import address_of

form_methods = require_http_methods(["GET", "HEAD", "POST"])
LONGEST = 100


class ForgotForm(forms.Form):
    """Who has forgotten his password."""

    who = forms.CharField(
        label="User name or e-mail address",
        max_length=resets.LONGEST,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )


class ChooseForm(forms.Form):
    """A new password, typed twice."""

    password = NewPassword(label="New password")
    again = NewPassword(label="New password again")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        password: Any = self.fields["password"]
        password.explain()

    def clean(self) -> None:
        """Compare the two."""
        new, again = self.cleaned_data.get("password"), self.cleaned_data.get("again")
        if new and again and new != again:
            self.add_error("again", "The two passwords differ. Type them once more.")


@never_cache
@form_methods
def forgot(request: HttpRequest) -> HttpResponse:
    """Have a link sent to whoever has forgotten his password. The answer is the same for everybody and nobody."""
    form = ForgotForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            if SignIn.in_force().knows(address_of(request)):
                resets.ask(form.cleaned_data["who"], address_of(request))
        except (resets.TooMany, resets.NotAsked) as reason:
            form.add_error(None, str(reason))
            return render(request, "accounts/forgot.html", {"form": form}, status=503)
        return render(request, "accounts/forgot_sent.html")
    return render(request, "accounts/forgot.html", {"form": form})


@never_cache
@sensitive_post_parameters()
@form_methods
def choose(request: HttpRequest, secret: str) -> HttpResponse:
    """Let somebody choose his password by a link. Looking at the page uses nothing up: mail programs do that, too."""
    form = ChooseForm(request.POST if request.method == "POST" else None)
    secret = secret[:LONGEST]  # no link is so long: what is left of it is as wrong, and is counted like other guesses
    try:
        if not resets.good(secret, address_of(request)):
            return render(request, "accounts/link_over.html", {"reason": resets.NOT_GOOD}, status=404)
        if form.is_bound and form.is_valid():
            chosen = resets.choose(secret, form.cleaned_data["password"])
            if not chosen.errors:
                messages.success(request, "Your password was set. Log in with it.")
                return redirect("accounts:login")
            for error in chosen.errors:
                form.add_error("password", error)
    except (resets.TooMany, resets.NotAsked) as reason:
        return render(request, "accounts/link_over.html", {"reason": str(reason)}, status=503)
    return render(request, "accounts/choose.html", {"form": form})
