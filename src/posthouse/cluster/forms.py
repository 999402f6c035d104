"""The forms of the cluster pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms

from posthouse.cluster import addresses
from posthouse.cluster.addresses import BadAddress
from posthouse.cluster.models import DEFAULT_NAMESPACE, Server
from posthouse.cluster.pairing import PairingRefused

T = TypeVar("T")


class Page(forms.Form):
    """A form whose refusals go beside the field that is at fault."""

    def refuse(self, refusal: PairingRefused | BadAddress | Exception) -> None:
        """Show why it cannot be done."""
        field = getattr(refusal, "field", "")
        self.add_error(
            field if field in self.fields and not self.fields[field].widget.is_hidden else None, str(refusal)
        )

    def read(self, field: str, how: Callable[[str], T]) -> T:
        """Return a field's text as what it stands for."""
        try:
            return how(self.cleaned_data[field])
        except BadAddress as error:
            raise forms.ValidationError(str(error)) from error


class AddressForm(Page):
    """Where the master is."""

    address = forms.CharField(
        label="Master server's IP address",
        max_length=500,
        strip=True,
        help_text="Or its name. With a port if it is not 443: 192.0.2.7 or paris.example:8443.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_address(self) -> str:
        """Refuse what is no address."""
        self.read("address", addresses.whole)
        return str(self.cleaned_data["address"])


class ConvertForm(Page):
    """The last word before this server becomes a slave."""

    address = forms.CharField(widget=forms.HiddenInput)
    key = forms.CharField(widget=forms.HiddenInput)
    typed = forms.CharField(
        label="Name of this server",
        help_text="Type it to confirm that its accounts may be overwritten.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name

    def clean_typed(self) -> str:
        """Refuse any other name."""
        if self.cleaned_data["typed"].strip() != self.name:
            raise forms.ValidationError(f"This server is called {self.name}. Type exactly that.")
        return self.name


class WaysForm(Page):
    """A second way to a server, and which of the two people are sent."""

    alternate = forms.CharField(
        label="Alternate address",
        max_length=260,
        required=False,
        help_text="A second way to the same server, tried when the first one cannot be reached: a host, or host:port.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )
    links = forms.ChoiceField(
        label="Address in e-mail links",
        choices=Server.LinkAddress.choices,
        initial=Server.LinkAddress.MAIN,
        help_text="Where mails of this server send people who live there.",
    )

    def clean_alternate(self) -> str:
        """Refuse what is no address."""
        if self.cleaned_data["alternate"]:
            self.read("alternate", lambda text: addresses.with_port(text, 443))
        return str(self.cleaned_data["alternate"])

    def clean(self) -> None:
        """Refuse to send people to an address that is not there."""
        data = self.cleaned_data
        if data.get("links") == Server.LinkAddress.ALTERNATE and data.get("alternate") == "":
            self.add_error("alternate", "Links in e-mails are to lead to this address: type it.")


class ServerForm(WaysForm):
    """A slave, as the master reaches it."""

    field_order = ("name", "host", "namespace", "port", "alternate", "links")

    name = forms.CharField(label="Name", max_length=60, help_text="What people call the slave, for example tokyo.")
    host = forms.CharField(
        label="Host name or IP address",
        max_length=253,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )
    namespace = forms.CharField(label="URL namespace", max_length=200, initial=DEFAULT_NAMESPACE)
    port = forms.CharField(
        label="HTTPS port", max_length=20, initial="443", widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )

    def clean_host(self) -> str:
        """Return the host, tidied."""
        return self.read("host", addresses.host)

    def clean_namespace(self) -> str:
        """Return the namespace, tidied."""
        return self.read("namespace", addresses.namespace)

    def clean_port(self) -> int:
        """Return the port."""
        return self.read("port", addresses.port)


class NewServerForm(ServerForm):
    """A slave whose fingerprint was compared."""

    key = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget = forms.HiddenInput()
