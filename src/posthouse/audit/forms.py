"""The forms of the audit log."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django import forms

from posthouse.audit.models import Retention
from posthouse.audit.search import Wish, actions
from posthouse.web.forms import ModelForm


class SearchForm(forms.Form):
    """What is looked for."""

    q = forms.CharField(label="Words", required=False, max_length=200)
    person = forms.CharField(label="Person", required=False, max_length=200)
    action = forms.ChoiceField(label="Action", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    account = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choices = [("", "All"), *((action, action) for action in actions())]
        self.fields["action"] = forms.ChoiceField(label="Action", required=False, choices=choices)

    def wish(self) -> Wish:
        """Return what is looked for; days are those of UTC."""
        data = self.cleaned_data
        return Wish(
            text=data["q"].replace("\0", ""),
            person=data["person"].replace("\0", ""),
            action=data["action"],
            since=_midnight(data["since"]),
            until=_midnight(data["until"] + timedelta(days=1)) if data["until"] and data["until"] < date.max else None,
            account=data["account"],
        )


class RetentionForm(ModelForm[Retention]):
    """How long events are kept."""

    class Meta:
        model = Retention
        fields = ["days"]


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
