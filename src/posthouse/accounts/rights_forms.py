"""The forms about what people may do and how much they may send."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from posthouse.accounts import permissions
from posthouse.accounts.models import User
from posthouse.accounts.standards import Standard
from posthouse.web import units

STEPS = {unit: 1000**power for power, unit in enumerate(("", "K", "M", "G", "T", "P"))}
AMOUNT = re.compile(r"\s*([0-9]{1,18}(?:[.,][0-9]{1,3})?)\s*([kKmMgGtTpP]?[bB]?)(?:ytes?)?\s*")
BY_ROLE, GIVEN, TAKEN = "", "yes", "no"


class SizeField(forms.Field):
    """A number of bytes as people write it: "500 GB"."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "For example 500 GB. Empty: no limit.")
        super().__init__(required=False, widget=forms.TextInput(attrs={"maxlength": 40}), **options)

    def prepare_value(self, value: Any) -> Any:
        """Show a number as it would be typed."""
        return units.exact(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """Return the bytes, or None. Raises ValidationError."""
        text = str(value or "").strip()
        if not text:
            return None
        found = AMOUNT.fullmatch(text)
        if found is None:
            raise ValidationError("Type a number and kB, MB, GB, TB or PB: for example 500 GB.")
        unit = found[2].upper().removesuffix("B")
        return int(Decimal(found[1].replace(",", ".")) * STEPS[unit])


class StandardForm(forms.Form):
    """What the people of a role may do."""

    permissions = forms.MultipleChoiceField(
        label="Users may",
        required=False,
        choices=[(one.name, one.label) for one in permissions.ALL],
        widget=forms.CheckboxSelectMultiple,
    )
    quota = SizeField(label="How much each may send")
    quota_days = forms.IntegerField(label="Within so many days", min_value=1, max_value=3650)
    package_limit = SizeField(label="Largest package")

    def __init__(self, standard: Standard, data: Any = None) -> None:
        initial = {name: getattr(standard, name) for name in ("quota", "quota_days", "package_limit")}
        super().__init__(data, initial=initial | {"permissions": standard.permissions.split()})
        self.standard = standard

    def keep(self) -> None:
        """Write what was chosen."""
        for name in ("quota", "quota_days", "package_limit"):
            setattr(self.standard, name, self.cleaned_data[name])
        self.standard.permissions = " ".join(sorted(self.cleaned_data["permissions"]))
        self.standard.save()


class PersonRightsForm(forms.Form):
    """What one person may do: as his role has it, or otherwise."""

    quota = SizeField(label="How much he or she may send", help_text="For example 500 GB. Empty: as for everybody.")
    package_limit = SizeField(label="Largest package", help_text="For example 50 GB. Empty: as for everybody.")

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, initial={"quota": user.quota, "package_limit": user.package_limit})
        self.user = user
        own = permissions.parse(user.permissions)
        role = permissions.standard(user.role).permissions.split()
        for one in permissions.ALL:
            by_role = "yes" if one.name in role or user.is_administrator else "no"
            chosen = {None: BY_ROLE, True: GIVEN, False: TAKEN}[own.get(one.name)]
            self.fields[one.name] = forms.ChoiceField(
                label=one.label,
                required=False,
                initial=chosen,
                choices=[(BY_ROLE, f"As for everybody: {by_role}"), (GIVEN, "Yes"), (TAKEN, "No")],
            )
        self.order_fields([*(one.name for one in permissions.ALL), "quota", "package_limit"])

    @property
    def own(self) -> dict[str, bool]:
        """What was given or taken."""
        chosen = {one.name: self.cleaned_data[one.name] for one in permissions.ALL}
        return {name: choice == GIVEN for name, choice in chosen.items() if choice != BY_ROLE}

    @property
    def told(self) -> str:
        """The same in words."""
        return permissions.dump(self.own) or "as for everybody"

    def keep(self) -> None:
        """Write what was chosen."""
        User.objects.filter(pk=self.user.pk).update(
            permissions=permissions.dump(self.own),
            quota=self.cleaned_data["quota"],
            package_limit=self.cleaned_data["package_limit"],
        )
