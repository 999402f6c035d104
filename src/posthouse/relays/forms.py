"""The form of the relay transfer settings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django import forms

from posthouse.cluster.models import Server
from posthouse.relays.models import LinkLimit, RelayLimits
from posthouse.relays.rate import HOURS
from posthouse.web.forms import ModelForm

LEAST, MOST = Decimal("0.1"), Decimal("400000")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class LimitsForm(ModelForm[RelayLimits]):
    """How fast relays may send, when, and to whom."""

    hours = forms.TypedMultipleChoiceField(
        choices=[(hour, f"{DAYS[hour // 24]} {hour % 24:02}:00") for hour in range(HOURS)], coerce=int, required=False
    )

    class Meta:
        model = RelayLimits
        fields = ["bandwidth", "other_bandwidth", "zone", "cut_through"]
        widgets = {"zone": forms.Select}

    def __init__(self, *args: Any, servers: Sequence[Server], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.servers = servers
        zones = sorted(available_timezones())
        self.fields["zone"].widget.choices = [(zone, zone) for zone in zones]
        self.fields["hours"].initial = [hour for hour in range(HOURS) if self.instance.marked[hour : hour + 1] == "1"]
        for name in ("bandwidth", "other_bandwidth"):
            self.fields[name].widget.attrs.update(min=0, max=MOST, step="any", inputmode="decimal")
        known = dict(LinkLimit.objects.values_list("server", "bandwidth"))
        for server in servers:
            self.fields[_name(server)] = forms.DecimalField(
                label=f"To {server.name} (Mbit/s)",
                required=False,
                min_value=LEAST,
                max_value=MOST,
                max_digits=9,
                decimal_places=2,
                initial=known.get(server.pk),
                widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
            )

    def clean_zone(self) -> str:
        """Take zones that are known here."""
        zone: str = self.cleaned_data["zone"]
        if zone not in available_timezones():
            raise forms.ValidationError("Choose a time zone from the list.")
        return zone

    def clean_bandwidth(self) -> Decimal | None:
        """Take what relays get on with."""
        return _sound(self.cleaned_data["bandwidth"], LEAST, "Type at least 0.1, or leave it empty for no limit.")

    def clean_other_bandwidth(self) -> Decimal | None:
        """The same, and 0."""
        return _sound(self.cleaned_data["other_bandwidth"], LEAST, "Type at least 0.1, or 0 for a pause.", zero=True)

    def save(self, commit: bool = True) -> RelayLimits:
        """Keep the settings, the marked hours and the limits of the links."""
        marked = set(self.cleaned_data["hours"])
        self.instance.marked = "".join("1" if hour in marked else "0" for hour in range(HOURS))
        self.instance.pk = 1
        saved: RelayLimits = super().save(commit)
        LinkLimit.objects.filter(server__in=self.servers).delete()
        LinkLimit.objects.bulk_create(
            LinkLimit(server=server, bandwidth=limit)
            for server in self.servers
            if (limit := self.cleaned_data[_name(server)]) is not None
        )
        return saved

    @property
    def links(self) -> list[forms.BoundField]:
        """The fields of the links."""
        return [self[_name(server)] for server in self.servers]

    @property
    def week(self) -> list[tuple[str, list[tuple[int, str, bool]]]]:
        """Each day with its hours: number, name, whether it is marked."""
        marked = {str(hour) for hour in self["hours"].value() or []}
        return [
            (
                day,
                [(24 * number + hour, f"{day} {hour:02}:00", str(24 * number + hour) in marked) for hour in range(24)],
            )
            for number, day in enumerate(DAYS)
        ]


def _name(server: Server) -> str:
    return f"link_{server.pk.hex}"


def _sound(value: Decimal | None, least: Decimal, complaint: str, *, zero: bool = False) -> Decimal | None:
    if value is None or (zero and value == 0) or least <= value <= MOST:
        return value
    raise forms.ValidationError(complaint)
