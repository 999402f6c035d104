"""Reading a page as its user would: its forms with what they hold, and its links."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """A form of a page and the values it would send as it stands."""

    action: str = ""
    method: str = "get"
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    """Every field, also those that would not be sent, such as boxes without a tick."""
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    """What can be chosen in each list: its text → the value that is sent."""


class Page(HTMLParser):
    """The forms, links and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._words: list[str] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._textarea: str | None = None
        self._option = ""
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """All that is written on it, with single spaces."""
        return " ".join(" ".join(self._words).split())

    def form(self, *names: str) -> Form:
        """Return the first form that has all these fields. Raises LookupError."""
        for form in self.forms:
            if form.names.issuperset(names):
                return form
        raise LookupError(f"The page has no form with {', '.join(names) or 'anything'}: {self.text[:300]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what can be followed or filled in."""
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "form":
            self._form = Form(attributes.get("action", ""), attributes.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(self._form, tag, attributes)

    def _field(self, form: Form, tag: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "")
        if tag == "option" and self._select:
            if "selected" in attributes or self._select not in form.values:
                form.values[self._select] = attributes.get("value", "")
            self._option = attributes.get("value", "")
            return
        if not name:
            return
        form.names.add(name)
        if tag == "input":
            kind = attributes.get("type", "text")
            if kind in {"checkbox", "radio"}:
                if "checked" in attributes:
                    form.values[name] = attributes.get("value", "on")
            elif kind not in {"submit", "button", "file", "image"}:
                form.values[name] = attributes.get("value", "")
        elif tag == "select":
            self._select = name
            form.choices[name] = {}
        elif tag == "textarea":
            self._textarea = name
            form.values[name] = ""

    def handle_endtag(self, tag: str) -> None:
        """Leave a form or a field."""
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        """Collect text, and what a text area holds."""
        self._words.append(data)
        if self._select and self._form and data.strip():
            self._form.choices[self._select][data.strip()] = self._option
        if self._textarea and self._form:
            self._form.values[self._textarea] += data
