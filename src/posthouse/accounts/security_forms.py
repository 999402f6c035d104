"""The forms of Server > Configuration > Security."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.security import PasswordRules, SignIn
from posthouse.web.forms import ModelForm


class RulesForm(ModelForm[PasswordRules]):
    """What passwords must be like."""

    class Meta:
        model = PasswordRules
        fields = ["least", "kinds", "history", "days"]


class EncryptionForm(ModelForm[EncryptionRule]):
    """Whether packages are encrypted."""

    class Meta:
        model = EncryptionRule
        fields = ["mode"]


class SignInForm(ModelForm[SignIn]):
    """How people log in."""

    class Meta:
        model = SignIn
        fields = ["lock_after", "lock_minutes", "session_minutes", "one_session", "networks", "administrator_networks"]
        widgets = {
            name: forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
            for name in ("networks", "administrator_networks")
        }

    def __init__(self, address: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address = address
        self.fields[
            "session_minutes"
        ].help_text = f"Empty: {settings.POSTHOUSE.session_minutes}, as in the settings file."

    def clean(self) -> dict[str, Any]:
        """Refuse what would lock out the administrator who types it."""
        cleaned = super().clean() or self.cleaned_data
        if {"networks", "administrator_networks"} & set(self.errors):
            return cleaned
        if not SignIn(**{name: cleaned[name] for name in ("networks", "administrator_networks")}).lets_in(
            self.address, administrator=True
        ):
            field = "administrator_networks" if cleaned["administrator_networks"].strip() else "networks"
            message = (
                f"You are here from {self.address}, which is in none of these networks: you would lock yourself out."
            )
            self.add_error(field, ValidationError(message))
        return cleaned


def told(form: forms.ModelForm) -> str:  # type: ignore[type-arg]
    """Return what a form changes, for the audit log."""
    changes = [
        f"{form[name].label}: {_shown(form.initial.get(name))} → {_shown(form.cleaned_data[name])}"
        for name in form.changed_data
    ]
    return "; ".join(changes) or "nothing"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split()) if value not in {None, ""} else "empty"
