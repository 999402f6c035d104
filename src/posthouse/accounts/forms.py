"""The forms of the accounts pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict

from posthouse.accounts import lockout, own, passwords, people, preferences
from posthouse.accounts.models import User
from posthouse.accounts.rules import normal
from posthouse.accounts.security import PasswordRules, SignIn
from posthouse.audit import log as audit
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.web.access import address_of
from posthouse.web.forms import ModelForm


class LoginForm(AuthenticationForm):
    """User name and password."""

    error_messages = {
        "invalid_login": "The user name or the password is wrong, or the account is not active. "
        "Capital letters matter in the password only.",
        "inactive": "This account is not active. Ask an administrator.",
    }
    network = "From your network ({}) nobody may log in to this server. Ask an administrator."
    administrators = "From your network ({}) administrators may not log in to this server."

    def clean(self) -> dict[str, Any]:
        """Find who it is, unless he comes from the wrong network, or too many wrong passwords came before."""
        login, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not login or not password:
            return self.cleaned_data
        address, sign_in = address_of(self._request), SignIn.in_force()
        if not sign_in.knows(address):
            raise self._refuse(login, "from a network that is not allowed", self.network.format(address))
        try:
            lockout.begin(login, address)
        except lockout.Locked:
            make_password(password)  # takes as long as a check
            raise self._refuse(login, "it is locked") from None
        try:
            cleaned = super().clean()
        except ValidationError:
            self._refuse(login, "wrong user name or password")
            raise
        lockout.succeeded(login, address)
        user = self.get_user()
        if not sign_in.lets_in(address, administrator=user.is_administrator):
            sentence = (self.administrators if user.is_administrator else self.network).format(address)
            raise self._refuse(login, "from a network that is not allowed", sentence)
        return cleaned

    @property
    def _request(self) -> HttpRequest:
        """The request, which Django's own form can do without."""
        return cast(HttpRequest, self.request)

    def _refuse(self, login: str, reason: str, sentence: str = "") -> ValidationError:
        """Write down that a log-in was refused, and return the error that says so."""
        who = audit.who(self._request)
        if lockout.is_written(who.address):
            known = User.objects.named(login).first()
            audit.record(who, "login.refused", f"A log-in as “{login[:150]}” was refused: {reason}.", known)
        return ValidationError(sentence) if sentence else self.get_invalid_login_error()

    def get_invalid_login_error(self) -> ValidationError:
        """Return what is said to whoever is not let in: what a backend has said, or the usual sentence."""
        said = getattr(self.request, "login_refusal", "")
        return ValidationError(said, code="refused") if said else super().get_invalid_login_error()


class NewPassword(forms.CharField):
    """A password that is being chosen; the browser may propose one."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(strip=False, max_length=256, widget=widget, **options)

    def explain(self, before: str = "") -> None:
        """Say what it must be like."""
        self.help_text = f"{before}{passwords.hint(PasswordRules.in_force())}"


class PersonForm(ModelForm[User]):
    """A person, as administrators see him."""

    class Meta:
        model = User
        fields = ["name", "login", "email", "role", "home", "is_active"]
        field_classes = {"login": UsernameField}
        widgets = {"login": forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"})}
        help_texts = {
            "login": "What the person types to log in. Capital letters make no difference.",
            "role": "Administrators can log in to every server and change everything.",
            "is_active": "Without it the person cannot log in, and running sessions end.",
        }

    home = forms.ModelChoiceField(
        Server.objects.filter(removed_at=None).order_by("name"),
        label="Home server",
        required=False,
        empty_label="By rule",
        help_text="Where the person logs in, and where packages to this person wait. By rule: as the home server rules"
        " say.",
    )
    password = NewPassword(label="Password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.home_before = self.instance.home
        if self.instance.local:
            del self.fields["home"]  # a local account lives on its server
        else:
            self.initial["home"] = self.instance.home_id if self.instance.home_by_hand else None
        if self.instance.directory is not None:
            del self.fields["password"]
            for field in ("name", "login", "email"):  # the next import would write over it
                self.fields[field].disabled = True
                self.fields[field].help_text = "It comes from the directory, and is changed there."
            return
        password = cast(NewPassword, self.fields["password"])
        password.required = False
        if self.instance._state.adding:
            password.explain("Leave it empty to let the person choose one, by a link in an e-mail. ")
        else:
            password.label = "New password"
            password.explain("Leave it empty to keep the present one. ")

    def clean_login(self) -> str:
        """Refuse a user name that somebody else has, beside its field."""
        login = normal(self.cleaned_data["login"])
        taken = User.objects.named(login).filter(local=self.instance.local).exclude(pk=self.instance.pk)
        if taken.exists():
            raise ValidationError(people.TAKEN, code="taken")
        return login

    def told(self) -> str:
        """Return what is different from before, for the audit log; of a password only that it is."""
        if self.instance._state.adding:
            return ""
        changes = []
        for name in self.changed_data:
            bound = self[name]
            if name == "password":
                changes.append("a new password")
            else:
                before, after = _shown(bound.field, bound.initial), _shown(bound.field, self.cleaned_data[name])
                changes.append(f"{bound.label} {before} → {after}")
        return ", ".join(changes)

    def keep(self, by: str) -> bool:
        """Write the person; False, with the reasons in the form's errors, when that is refused. `by` names who asks."""
        if "home" in self.fields:
            self.instance.home_by_hand = self.cleaned_data["home"] is not None
            self.instance.home = self.cleaned_data["home"] or self.home_before or servers.this()
        changed = None
        if not self.instance._state.adding:
            changed = set(self.changed_data) - {"password"}
            changed |= {"home_by_hand"} if "home" in changed else set()
        else:
            self.instance.set_unusable_password()
        password = self.cleaned_data.get("password") or None
        return _refusals(self, lambda: people.save(self.instance, password, changed, by))


class NameForm(forms.Form):
    """One's own name."""

    name = forms.CharField(
        label="Name",
        max_length=200,
        help_text="As others see it: senders, recipients and administrators.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"name": user.name})
        self.user = user

    def keep(self) -> bool:
        """Write the new name; False, with the reasons in the form's errors, when it is refused."""
        return _refusals(self, lambda: own.change(self.user, {"name": self.cleaned_data["name"]}))


class PasswordForm(forms.Form):
    """One's own new password."""

    present = forms.CharField(
        label="Present password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = NewPassword(label="New password")
    again = NewPassword(label="New password again")

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.user = user
        cast(NewPassword, self.fields["password"]).explain()

    def clean(self) -> None:
        """Compare the two new ones."""
        new, again = self.cleaned_data.get("password"), self.cleaned_data.get("again")
        if new and again and new != again:
            self.add_error("again", "The two new passwords differ. Type them once more.")

    def keep(self) -> bool:
        """Write the new password; False, with the reasons in the form's errors, when it is refused."""
        wish = {field: self.cleaned_data[field] for field in ("present", "password")}
        return _refusals(self, lambda: own.change(self.user, wish))


class PreferencesForm(forms.Form):
    """How somebody likes his pages and mails."""

    time_zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        help_text="In which the full times are shown that stand behind “2 hours ago”.",
    )
    mails = forms.ChoiceField(
        label="E-mails about packages",
        choices=User.Mails.choices,
        help_text="If something that you have sent fails, you are always told.",
    )
    rows = forms.ChoiceField(label="Rows per page", choices=[(str(count), str(count)) for count in preferences.ROWS])

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        known = {name: getattr(user, name) for name in preferences.NAMES}
        super().__init__(data, initial=known | {"time_zone": user.time_zone or preferences.UTC})
        zones: Any = self.fields["time_zone"]
        zones.choices = [(name, name.replace("_", " ")) for name in preferences.zones()]
        self.user = user

    def keep(self) -> bool:
        """Write the preferences; False, with the reasons in the form's errors, when they are refused."""
        wish = {name: self.cleaned_data[name] for name in preferences.NAMES}
        return _refusals(self, lambda: own.change(self.user, wish))


def _shown(field: forms.Field, value: Any) -> str:
    """Return a field's value as people see it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    choices = getattr(field, "choices", ())
    key = str(getattr(value, "pk", value))
    return str(next((label for choice, label in choices if str(choice) == key), value))


def _refusals(form: forms.BaseForm, act: Callable[[], object]) -> bool:
    """Do something and put what is refused beside the fields; return whether it was done."""
    try:
        act()
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True
