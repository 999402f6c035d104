"""The form of a connection to a directory."""

from __future__ import annotations

import ipaddress
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from posthouse.cluster import addresses
from posthouse.directory import dn, ldap, sealing
from posthouse.directory.errors import BadSetting
from posthouse.directory.models import Connection
from posthouse.directory.people import ACTIVE_DIRECTORY
from posthouse.directory.plan import STANDARD, lines
from posthouse.directory.port import Way
from posthouse.web.forms import ModelForm

FILTERS = ("person_filter", "group_filter", "disabled_filter")
ATTRIBUTES = ("attribute_login", "attribute_name", "attribute_email")
OF_IMPORTS = (
    "below",
    "within",
    "group_filter",
    "attribute_name",
    "attribute_email",
    "fields",
    "minutes",
    "full_hours",
)
"""What only imports need: a slave, where nobody is imported, is not asked for it."""
PARTS = (
    ("Directory", ("name", "kind", "enabled", "stands_for")),
    ("Line", ("hosts", "security", "port", "authorities")),
    ("Account of this server", ("bind_name", "password")),
    ("People", ("bases", "below", "within", "minutes", "full_hours")),
)
"""The parts of the form; everything else is seldom needed, and folded away."""
MOST_HOSTS = 10
MOST_LINES = 200


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"})


class ConnectionForm(ModelForm[Connection]):
    """A connection to a directory."""

    password = forms.CharField(
        label="Its password",
        strip=False,
        max_length=512,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="It is stored encrypted and never shown again.",
    )

    class Meta:
        model = Connection
        fields = [
            "name",
            "kind",
            "enabled",
            "stands_for",
            "hosts",
            "security",
            "port",
            "authorities",
            "bind_name",
            "password",
            "bases",
            "below",
            "within",
            *ATTRIBUTES,
            "fields",
            *FILTERS,
            "minutes",
            "full_hours",
        ]
        widgets = {
            "hosts": _area(2),
            "authorities": _area(4),
            "bases": _area(2),
            "below": _area(2),
            "within": _area(2),
            "fields": _area(3),
        }
        help_texts = {
            "name": "What people call it, for example the name of your organisation.",
            "enabled": "Without it nobody is imported, and nobody logs in by it.",
            "hosts": "One on each line. They are tried in turn.",
            "port": "Usually 636 for TLS, 389 for StartTLS.",
            "authorities": "The PEM text of the certificates that stand for the directory's. Without any, those that"
            " this machine trusts.",
            "bind_name": "A name that may read people and groups: a distinguished name, or user@domain.",
            "bases": "Distinguished names below which people and groups are, one on each line.",
            "below": "Distinguished names of organizational units, one on each line. Without any, everybody.",
            "within": "Names or distinguished names of groups, one on each line. Groups in them count. Whoever is"
            " below a unit or in a group is imported.",
            "fields": "Attributes that home server rules may look at, one on each line. Without any:"
            f" {', '.join(STANDARD[ACTIVE_DIRECTORY][1].fields)}.",
            "minutes": "Between two imports of what has changed.",
            "full_hours": "Who has vanished from a directory is seen only when everybody is read.",
        }

    def __init__(self, *args: Any, directories: dict[UUID, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, usual in zip(FILTERS, STANDARD[ACTIVE_DIRECTORY][0], strict=True):
            other = STANDARD["ldap"][0][FILTERS.index(name)]
            self.fields[name].help_text = f"Usually {usual or 'none'} in Active Directory, else {other}."
        for name, usual, other in zip(ATTRIBUTES, *(_names(kind) for kind in ("ad", "ldap")), strict=True):
            same = usual == other
            self.fields[name].help_text = f"Usually {usual}." if same else f"Usually {usual}, or {other}."
        if self.instance.sealed_password:
            self.fields["password"].required = False
            self.fields["password"].help_text = "Leave it empty to keep the present one."
        if directories is None:
            del self.fields["stands_for"]
        else:
            for name in OF_IMPORTS:
                del self.fields[name]
            choices = [(str(pk), name) for pk, name in directories.items()]
            self.fields["stands_for"] = forms.ChoiceField(
                label="Directory of the master",
                choices=choices,
                help_text="People whose accounts come from it log in here by this connection.",
            )

    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields by the part of the form that they are in."""
        return [(title, [self[name] for name in names if name in self.fields]) for title, names in PARTS]

    def rest(self) -> list[forms.BoundField]:
        """Return the fields that are seldom needed."""
        usual = {name for _, names in PARTS for name in names}
        return [self[name] for name in self.fields if name not in usual]

    def rest_is_set(self) -> bool:
        """Return whether one of those is set, or wrong."""
        return any(field.errors or field.value() for field in self.rest())

    def clean_stands_for(self) -> UUID:
        """Return which directory it is."""
        return UUID(self.cleaned_data["stands_for"])

    def clean_hosts(self) -> str:
        """Refuse what is no address."""
        hosts = lines(self.cleaned_data["hosts"])
        if len(hosts) > MOST_HOSTS:
            raise ValidationError(f"Write at most {MOST_HOSTS} hosts.")
        try:
            return "\n".join(addresses.host(host) for host in hosts)
        except addresses.BadAddress as error:
            raise ValidationError(str(error)) from error

    def clean_authorities(self) -> str:
        """Refuse what is no certificate."""
        text: str = self.cleaned_data["authorities"].strip()
        if text:
            _refusing(lambda: ldap.context(Way((), 0, "tls", text)))
        return text

    def clean_bases(self) -> str:
        """Refuse what is no distinguished name."""
        return _distinguished(self.cleaned_data["bases"])

    def clean_below(self) -> str:
        """Refuse what is no distinguished name."""
        return _distinguished(self.cleaned_data["below"])

    def clean_fields(self) -> str:
        """Refuse what is no name of an attribute."""
        names = lines(self.cleaned_data["fields"])
        if len(names) > MOST_LINES:
            raise ValidationError(f"Write at most {MOST_LINES} names.")
        for name in names:
            _check_attribute(name)
        return "\n".join(names)

    def clean(self) -> dict[str, Any]:
        """Look at filters, attributes, and whether a password would travel in the open."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for name in FILTERS:
            if data.get(name):
                try:
                    ldap.check_filter(data[name])
                except BadSetting as error:
                    self.add_error(name, str(error) + " " + error.cure)
        for name in ATTRIBUTES:
            if data.get(name):
                try:
                    _check_attribute(data[name])
                except ValidationError as error:
                    self.add_error(name, error)
        if data.get("security") == Connection.Security.NONE and not all(map(_is_here, lines(data.get("hosts", "")))):
            self.add_error(
                "security",
                "A plain line is for a server on this very machine only: passwords would travel in the open. Choose"
                " TLS or StartTLS.",
            )
        return data

    def save(self, commit: bool = True) -> Connection:
        """Write it; a changed one is read whole by the next import."""
        connection: Connection = super().save(commit=False)
        if self.cleaned_data["password"]:
            connection.sealed_password = sealing.seal(self.cleaned_data["password"])
        if commit:
            connection.save()
        return connection


def _names(kind: str) -> tuple[str, str, str]:
    attributes = STANDARD[kind][1]
    return attributes.login, attributes.name, attributes.email


def _check_attribute(name: str) -> None:
    if not (name.isascii() and name.replace("-", "").isalnum() and len(name) <= 100):
        raise ValidationError(f"{name[:100]} is not the name of an attribute: it has letters, digits and hyphens only.")


def _distinguished(text: str) -> str:
    found = lines(text)
    if len(found) > MOST_LINES:
        raise ValidationError(f"Write at most {MOST_LINES} lines.")
    for line in found:
        if not dn.looks_like_one(line):
            raise ValidationError(
                f"{line[:200]} is not a distinguished name. Write it like OU=Staff,DC=example,DC=com."
            )
    return "\n".join(found)


def _refusing(act: Any) -> None:
    try:
        act()
    except BadSetting as error:
        raise ValidationError(f"{error} {error.cure}") from error


def _is_here(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
