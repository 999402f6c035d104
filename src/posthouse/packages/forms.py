"""The forms of the packages pages."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from posthouse.packages import policies
from posthouse.packages.models import Package, Policy
from posthouse.web.forms import ModelForm


class PolicyForm(ModelForm[Policy]):
    """How long packages are kept."""

    class Meta:
        model = Policy
        fields = ["keep_days", "after_download", "may_choose", "most_days"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("keep_days", "most_days"):
            self.fields[name].widget.attrs.update(min=1, max=policies.MOST_DAYS)

    def clean(self) -> dict[str, Any]:
        """Compare the days with one another."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("keep_days", "most_days"):
            days = cleaned.get(name)
            if days is not None and not 1 <= days <= policies.MOST_DAYS:
                self.add_error(name, f"Type a number from 1 to {policies.MOST_DAYS:,}, or leave it empty.")
        days, most = cleaned.get("keep_days"), cleaned.get("most_days")
        if most is not None and (days is None or days > most):
            self.add_error("keep_days", f"Type at most {most}: senders may not choose more, so neither may this.")
        return cleaned


class ExpiryForm(forms.Form):
    """When a package ends."""

    day = forms.DateField(
        label="Last day on which it can be fetched",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The package ends at midnight (UTC) after it. Empty: it does not end by itself.",
    )

    def __init__(self, package: Package, data: Any = None) -> None:
        ends = package.expires_at
        super().__init__(data, initial={"day": (ends - timedelta(seconds=1)).date() if ends else None})
        self.package = package

    @property
    def moment(self) -> datetime | None:
        """The end that was chosen."""
        day = self.cleaned_data["day"]
        return datetime.combine(day, time.min, UTC) + timedelta(days=1) if day else None

    def clean_day(self) -> Any:
        """Refuse what is over, and what the policy does not allow."""
        day = self.cleaned_data["day"]
        if day is not None and day < timezone.now().date():
            raise ValidationError("That day is over. Choose a later one, or recall the package.")
        complaint = policies.may_end(self.package, day)
        if complaint:
            raise ValidationError(complaint)
        return day
