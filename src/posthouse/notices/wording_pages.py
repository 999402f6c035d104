"""Server > Configuration > E-mails: what they say, with a preview; and back to what they said at first."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from posthouse.audit import log as audit
from posthouse.notices import filling, wordings
from posthouse.notices.letters import link
from posthouse.notices.models import Words
from posthouse.notices.wordings import Wording
from posthouse.web.access import administrator_required

FIELDS = ("subject", "text", "action")


class WordsForm(forms.Form):
    """The words of one kind of e-mail."""

    subject = forms.CharField(label="Subject", max_length=wordings.SUBJECT)
    text = forms.CharField(
        label="Text",
        max_length=wordings.TEXT,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Empty lines begin new paragraphs. It is sent as plain text and as HTML; HTML that you type is shown"
        " as it is written.",
    )
    action = forms.CharField(label="Words of the link", max_length=wordings.ACTION)

    def __init__(self, wording: Wording, words: Words, data: Any = None) -> None:
        super().__init__(data, initial={name: getattr(words, name) for name in FIELDS})
        self.wording = wording
        if not wording.action:
            del self.fields["action"]  # there is no link in it

    def _checked(self, name: str) -> str:
        text: str = self.cleaned_data[name].replace("\0", "")
        missing = filling.unknown(text, self.wording.variables)
        if missing:
            there = ", ".join(f"{{{variable}}}" for variable in self.wording.variables)
            raise ValidationError(
                [f"{{{variable}}} is no variable of this e-mail. There are: {there}." for variable in missing]
            )
        return text

    def clean_subject(self) -> str:
        """Refuse variables that do not exist."""
        return self._checked("subject")

    def clean_text(self) -> str:
        """Refuse variables that do not exist."""
        return self._checked("text")

    def clean_action(self) -> str:
        """Refuse variables that do not exist."""
        return self._checked("action")

    def words(self) -> Words:
        """Return what was typed, if it is allowed; else what holds."""
        source = self.cleaned_data if self.is_bound and self.is_valid() else self.initial
        return Words(kind=self.wording.name, **{name: source.get(name, "") for name in FIELDS})


@administrator_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List the kinds of e-mails, and which of them were changed."""
    changed = {words.kind: words for words in Words.objects.all()}
    rows = [(wording, changed.get(wording.name)) for wording in wordings.every()]
    return render(request, "notices/wordings.html", {"rows": rows})


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Show what one kind says, and change it; `do` tells whether to save, to preview, or to restore."""
    wording = wordings.named(name)
    if wording is None:
        raise Http404
    kept = Words.objects.filter(pk=name).first()
    do = request.POST.get("do", "")
    if do == "restore":
        return _restore(request, wording)
    form = WordsForm(wording, kept or wording.default(), request.POST if request.method == "POST" else None)
    if do == "save" and form.is_valid():
        return _save(request, wording, form.words())
    words = form.words()
    letter = wording.example(words, link("front"))
    context = {
        "wording": wording,
        "form": form,
        "kept": kept,
        "letter": letter.context(),
        "plain": letter.render()[0],
        "typed": form.is_bound and form.is_valid(),
    }
    return render(request, "notices/wording.html", context)


def _save(request: HttpRequest, wording: Wording, words: Words) -> HttpResponse:
    default = wording.default()
    if all(getattr(words, name) == getattr(default, name) for name in FIELDS):
        return _restore(request, wording)
    words.changed_by = str(request.user)[:200]
    with transaction.atomic():
        words.save()
        audit.record(audit.who(request), "mails.changed", f"The words of the e-mail “{wording.title}” were changed.")
    messages.success(request, f"The e-mail “{wording.title}” was changed.")
    return redirect("notices:wordings")


def _restore(request: HttpRequest, wording: Wording) -> HttpResponse:
    with transaction.atomic():
        if Words.objects.filter(pk=wording.name).delete()[0]:
            text = f"The words of the e-mail “{wording.title}” were restored."
            audit.record(audit.who(request), "mails.restored", text)
    messages.success(request, f"The e-mail “{wording.title}” says again what it said at first.")
    return redirect("notices:wordings")
