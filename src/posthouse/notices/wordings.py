"""The kinds of e-mails whose words administrators may change, and what they say by default.

Each room says what its mails are like, from its AppConfig.ready or by being imported there:

    ARRIVED = wordings.register(Wording("package-received", ..., variables={"sender": "Alice", "title": "Rushes"}))
    letter = ARRIVED.letter({"sender": str(sender), "title": title}, facts, link)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from posthouse.notices import filling
from posthouse.notices.letters import Letter
from posthouse.notices.models import Words

SUBJECT, TEXT, ACTION = 200, 4000, 100
"""Characters that may be typed."""


@dataclass(frozen=True)
class Wording:
    """One kind of e-mail. In `subject`, `text` and `action`, {name} stands for the value of a variable."""

    name: str
    title: str
    who: str
    """Who gets it, and when, as a sentence."""
    subject: str
    text: str
    """Paragraphs, with empty lines between them."""
    action: str
    """What the reader can do at the link, as its words; empty: there is no link in it."""
    variables: Mapping[str, str]
    """Name → an example of its value, for the preview."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What stands in the list below the text, as an example."""

    def letter(self, values: Mapping[str, str], facts: Mapping[str, str] | None = None, link: str = "") -> Letter:
        """Return a letter with the words that hold now."""
        words = Words.objects.filter(pk=self.name).first() or self.default()
        return self.filled(words, values, facts, link)

    def default(self) -> Words:
        """Return the words that hold until an administrator changes them."""
        return Words(kind=self.name, subject=self.subject, text=self.text, action=self.action)

    def filled(
        self, words: Words, values: Mapping[str, str], facts: Mapping[str, str] | None = None, link: str = ""
    ) -> Letter:
        """Return a letter with these words and values."""
        return Letter(
            subject=filling.fill(words.subject, values),
            text="",
            paragraphs=tuple(filling.paragraphs(words.text, values)),
            facts=dict(facts or {}),
            link=link,
            action=filling.fill(words.action, values),
        )

    def example(self, words: Words, link: str) -> Letter:
        """Return what a letter with these words looks like."""
        return self.filled(words, self.variables, self.facts, link)


_all: dict[str, Wording] = {}


def register(wording: Wording) -> Wording:
    """Let an app add a kind of e-mail."""
    _all[wording.name] = wording
    return wording


def every() -> list[Wording]:
    """Return all kinds, by title."""
    return sorted(_all.values(), key=lambda wording: wording.title)


def named(name: str) -> Wording | None:
    """Return the kind of this name."""
    return _all.get(name)
