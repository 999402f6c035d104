"""The form of the licence page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from posthouse.licensing import licences
from posthouse.licensing.tokens import LIMIT, BadLicence


class LicenceForm(forms.Form):
    """A licence, pasted or as a file."""

    text = forms.CharField(
        label="Text of the licence",
        required=False,
        max_length=2 * LIMIT,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
        help_text="The long line that the issuer has sent.",
    )
    file = forms.FileField(label="Or the file that holds it", required=False, allow_empty_file=True)

    def clean(self) -> dict[str, Any]:
        """Find the licence, and refuse one that cannot be installed here."""
        cleaned = super().clean() or self.cleaned_data
        text, file = cleaned.get("text", "").strip(), cleaned.get("file")
        if self.errors:
            return cleaned
        if file is not None:
            text = file.read(2 * LIMIT).decode("ascii", "replace")
        if not text:
            raise ValidationError("Paste the text of the licence, or choose its file.")
        try:
            licences.check(text)
        except BadLicence as error:
            raise ValidationError(str(error)) from error
        cleaned["licence"] = text
        return cleaned
