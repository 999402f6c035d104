"""The forms about people outside."""

from __future__ import annotations

from typing import Any

from django import forms

from posthouse.outside.invitations import MOST_DAYS, MOST_USES
from posthouse.packages import policies
from posthouse.packages.models import OutsidePolicy
from posthouse.web.forms import ModelForm


class PolicyForm(ModelForm[OutsidePolicy]):
    """What holds for sending to outside e-mail addresses."""

    class Meta:
        model = OutsidePolicy
        fields = ["allowed", "days", "once", "password"]

    def clean_days(self) -> Any:
        """Refuse numbers that are no days."""
        days = self.cleaned_data["days"]
        if days is not None and not 1 <= days <= policies.MOST_DAYS:
            raise forms.ValidationError(f"Type a number from 1 to {policies.MOST_DAYS:,}, or leave it empty.")
        return days


class PasswordForm(forms.Form):
    """The password of a link."""

    password = forms.CharField(
        label="Password",
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True}),
        help_text="The sender tells it to you.",
    )


class InvitationForm(forms.Form):
    """Whom to invite, and for how long."""

    email = forms.EmailField(label="E-mail address", max_length=254)
    note = forms.CharField(
        label="Note", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"})
    )
    days = forms.IntegerField(label="Days it is good", min_value=1, max_value=MOST_DAYS, initial=7)
    uses = forms.IntegerField(label="Packages that may be sent with it", min_value=1, max_value=MOST_USES, initial=1)
