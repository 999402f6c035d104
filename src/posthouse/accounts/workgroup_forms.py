"""The forms about workgroups."""

from __future__ import annotations

from django import forms

from posthouse.accounts.models import Workgroup
from posthouse.web.forms import ModelForm

TYPED = 1024 * 1024
"""Characters of a text with names."""


class WorkgroupForm(ModelForm[Workgroup]):
    """A workgroup, as administrators make it."""

    class Meta:
        model = Workgroup
        fields = ["name", "description", "senders"]
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}


class MembersForm(forms.Form):
    """People who are to come into a workgroup."""

    names = forms.CharField(
        label="Add people",
        max_length=TYPED,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="User names or e-mail addresses, one on a line or with commas between.",
    )
