"""The forms about people outside."""

from __future__ import annotations

from typing import Any

from django import forms

from posthouse.packages import policies
from posthouse.packages.models import OutsidePolicy


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # at run time it takes no argument
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
