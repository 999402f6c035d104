"""The forms of the address book."""

from __future__ import annotations

from typing import Any

from django import forms

from posthouse.contacts import table
from posthouse.contacts.models import Contact, PersonalList
from posthouse.web.forms import ModelForm

FILE = 4 * 1024 * 1024
"""Bytes of a file that is imported."""
TYPED = 1024 * 1024
"""Characters of a text with names."""
TAKEN = "Another contact has this address. Change that one, or write another address."
SAME_NAME = "You have a list of this name. Capital letters make no difference."


class ContactForm(ModelForm[Contact]):
    """A contact."""

    class Meta:
        model = Contact
        fields = ["name", "email"]
        help_texts = {"email": ""}

    def clean_email(self) -> str:
        """Keep addresses in lower case, and each once."""
        email = str(self.cleaned_data["email"]).lower()
        others = Contact.objects.filter(owner=self.instance.owner, email=email).exclude(pk=self.instance.pk)
        if others.exists():
            raise forms.ValidationError(TAKEN)
        return email


class ListForm(ModelForm[PersonalList]):
    """The name of a list."""

    class Meta:
        model = PersonalList
        fields = ["name"]


class MembersForm(forms.Form):
    """People who are to come onto a list."""

    names = forms.CharField(
        label="Add people",
        max_length=TYPED,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="User names or e-mail addresses, one on a line or with commas between.",
    )


class ImportForm(forms.Form):
    """A file of contacts."""

    file = forms.FileField(
        label="File",
        help_text="CSV, at most 4 MB. The first line names the columns: name, email, lists.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )

    def clean_file(self) -> str:
        """Return the text of the file."""
        file: Any = self.cleaned_data["file"]
        if file.size > FILE:
            raise forms.ValidationError("The file is larger than 4 MB. Split it into several files.")
        try:
            return table.decode(file.read())
        except table.NoTable as error:
            raise forms.ValidationError(str(error)) from error
