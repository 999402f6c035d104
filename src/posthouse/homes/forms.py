"""The forms of the Home Server Rules."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import BoundField

from posthouse.accounts.models import Entry
from posthouse.audit import log as audit
from posthouse.cluster.models import Server
from posthouse.homes import examples, patterns, ruleset
from posthouse.homes.models import PAIRS, PATTERNS, Default, Rule
from posthouse.web.forms import ModelForm

MOST = 500
"""Rules."""
TAKEN = "Another rule has this name. Capital letters make no difference."
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9;-]{0,98}[A-Za-z0-9]|[A-Za-z]")
PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


def servers_to_choose() -> forms.ModelChoiceField[Server]:
    """Return the field in which a server of the cluster is chosen."""
    return forms.ModelChoiceField(Server.objects.filter(removed_at=None).order_by("name"))


class DefaultForm(ModelForm[Default]):
    """The Default Server."""

    class Meta:
        model = Default
        fields = ["server"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        server = servers_to_choose()
        server.label, server.empty_label = "Default Server", "Choose a server"
        server.help_text = "Users whom no home server rule matches live there."
        self.fields["server"] = server


class RuleForm(ModelForm[Rule]):
    """Create New Rule."""

    class Meta:
        model = Rule
        fields = ["name", "external", *PATTERNS, "home"]
        help_texts = {
            "external": "For recipients without an account. Only the email address regex counts for them.",
            "email_pattern": "For example @asia[.]example[.]com$",
            "login_pattern": "The name with which the user logs in. For example ^tokyo-",
            "group_pattern": "Matches when any group of the user does, nested ones too. For example ^Asia Staff$",
            "dn_pattern": "The user's distinguished name. For example OU=Asia,",
        }

    confirmed = forms.BooleanField(label="Save although these examples fail", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in PATTERNS:
            self.fields[name].strip = False  # type: ignore[attr-defined]
            self.fields[name].widget = forms.TextInput(attrs=PLAIN)
            self.fields[name].max_length = None  # type: ignore[attr-defined]  # patterns.check says it better
            self.fields[name].validators = []
        home = servers_to_choose()
        home.label, home.empty_label = "Home server", "Choose a server"
        home.help_text = "Where the users live that match all of the above."
        self.fields["home"] = home
        for number in range(1, PAIRS + 1):
            name, pattern = self.instance.ldap[number - 1] if number <= len(self.instance.ldap) else ("", "")
            self._add(f"ldap_name_{number}", "LDAP field name", name, "For example department")
            self._add(
                f"ldap_pattern_{number}", "LDAP field regex", pattern, "Matches when any value of the field does."
            )
        self.fields["examples"] = forms.CharField(
            label="Examples",
            required=False,
            initial="\n".join(self.instance.examples),
            max_length=(examples.LENGTH + 2) * examples.MOST,
            widget=forms.Textarea(attrs=PLAIN | {"rows": 3}),
            help_text="User names or e-mail addresses that must land on this home server, one in a line. They are tried"
            " whenever any rule is saved.",
        )
        self.unmet: list[examples.Failure] = []

    def _add(self, name: str, label: str, initial: str, hint: str) -> None:
        widget = forms.TextInput(attrs=PLAIN)
        self.fields[name] = forms.CharField(
            label=label,
            required=False,
            initial=initial,
            strip=name.startswith("ldap_name"),
            widget=widget,
            help_text=hint,
        )

    @property
    def pairs(self) -> list[tuple[BoundField, BoundField]]:
        """The LDAP fields with their regexes."""
        return [(self[f"ldap_name_{number}"], self[f"ldap_pattern_{number}"]) for number in range(1, PAIRS + 1)]

    @property
    def of_users(self) -> list[BoundField]:
        """The fields that count for users only, without the pairs."""
        return [self[name] for name in PATTERNS[1:]]

    def clean_name(self) -> str:
        """Refuse a name that another rule has."""
        name = " ".join(str(self.cleaned_data["name"]).split())
        if ruleset.present().filter(name__iexact=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(TAKEN)
        return name

    def clean(self) -> dict[str, Any]:
        """Look at what belongs together: the fields that count, and the examples."""
        data = super().clean() or self.cleaned_data
        external = bool(data.get("external"))
        if external:  # the page has disabled the others: what they hold does not count
            data.update(dict.fromkeys(PATTERNS[1:], ""))
        for name in PATTERNS:
            self._check(name, data.get(name, ""))
        self.instance.ldap = [] if external else self._pairs(data)
        self.instance.examples = self._examples(str(data.get("examples", "")))
        if not self.errors and not any(data.get(name) for name in PATTERNS) and not self.instance.ldap:
            if external:
                self.add_error("email_pattern", "Fill this in: for external recipients only the e-mail address counts.")
            else:
                raise ValidationError(
                    "Fill in at least one regex. For all users whom no other rule matches there is the Default Server."
                )
        if self.instance._state.adding and ruleset.present().count() >= MOST:
            raise ValidationError(f"There are {MOST} rules already, which is the most. Delete one first.")
        return data

    def _pairs(self, data: dict[str, Any]) -> list[list[str]]:
        found = []
        for number in range(1, PAIRS + 1):
            field, pattern = data.get(f"ldap_name_{number}", ""), data.get(f"ldap_pattern_{number}", "")
            if field and not FIELD_NAME.fullmatch(field):
                self.add_error(f"ldap_name_{number}", "An LDAP field name has letters, digits and hyphens only.")
            if field and not pattern:
                self.add_error(f"ldap_pattern_{number}", f"Write what {field} must match, or clear its name.")
            if pattern and not field:
                self.add_error(f"ldap_name_{number}", "Write which LDAP field must match, or clear its regex.")
            self._check(f"ldap_pattern_{number}", pattern)
            if field and pattern:
                found.append([field, pattern])
        if any(
            re.fullmatch(r"ldap_(name|pattern)_\d+", key) and key not in self.fields and self.data[key]
            for key in self.data
        ):
            raise ValidationError(f"A rule looks at no more than {PAIRS} LDAP fields. Make two rules of it.")
        return found

    def _check(self, name: str, pattern: str) -> None:
        if not pattern:
            return
        try:
            patterns.check(pattern)
        except patterns.BadPattern as bad:
            self.add_error(name, str(bad))

    def _examples(self, text: str) -> list[str]:
        found = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
        if len(found) > examples.MOST:
            self.add_error("examples", f"A rule has at most {examples.MOST} examples; these are {len(found)}.")
        for example in found:
            if len(example) > examples.LENGTH or any(character.isspace() for character in example):
                self.add_error("examples", f"{example[:60]} is neither a user name nor an e-mail address.")
        return found

    def keep(self, who: audit.Who, action: str, said: str) -> bool:
        """Write the rule, and that into the audit log; False, with the reasons in the form, when it is refused."""
        try:
            with examples.changing(confirmed=self.cleaned_data["confirmed"]), transaction.atomic():
                if self.instance._state.adding:
                    last = ruleset.present().last()
                    self.instance.position = last.position + 1 if last else 1
                self.save()
                audit.record(who, action, said, self.instance)
        except examples.Unmet as unmet:
            self.unmet = unmet.failures
            for failure in unmet.failures:
                self.add_error(None, failure.sentence)
        except IntegrityError:  # somebody else took the name since clean_name looked
            self.add_error("name", TAKEN)
        return not self.errors

    def warnings(self) -> list[str]:
        """Return what is odd about a rule that was saved."""
        return [
            f"Nobody has the LDAP field {name}, so the rule matches nobody until a directory import brings it."
            for name, _ in self.instance.ldap
            if not Entry.objects.filter(fields__has_key=name.lower()).exists()
        ]


class ExplainForm(forms.Form):
    """Whom to explain."""

    q = forms.CharField(
        label="User name or e-mail address", max_length=254, widget=forms.TextInput(attrs=PLAIN | {"type": "search"})
    )


class HomeForm(forms.Form):
    """A home server by hand, or by rule again."""

    home = forms.ModelChoiceField(
        Server.objects.filter(removed_at=None).order_by("name"),
        label="Home server",
        required=False,
        empty_label="By rule",
        help_text="By rule: as the home server rules say, now and whenever they change.",
    )
