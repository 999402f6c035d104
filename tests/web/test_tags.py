"""The template tags make the same, accessible markup everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import reverse

import posthouse
from posthouse.web import units

SOURCE = Path(posthouse.__file__).parent
SPRITE = SOURCE / "web/static/vendor/tabler/icons.svg"


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


class Letter(forms.Form):
    to = forms.EmailField(label="Recipient", help_text="One address.")
    urgent = forms.BooleanField(required=False)
    colour = forms.ChoiceField(choices=[("r", "Red"), ("b", "Blue")], required=False)
    copies = forms.MultipleChoiceField(choices=[("a", "Archive"), ("p", "Press")], widget=forms.CheckboxSelectMultiple)


def test_a_size_and_a_speed_are_shown_in_words() -> None:
    assert (
        render("{{ n|bytes }} at {{ n|rate }} for {{ n|duration }}", n=2000) == "2.00 kB at 2.00 kB/s for 33 min 20 s"
    )


def test_a_time_carries_its_exact_moment() -> None:
    html = render("{{ moment|ago }}", moment=datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert 'datetime="2020-02-03T04:05:06+00:00"' in html
    assert 'title="3 February 2020, 04:05:06 UTC"' in html
    assert "years ago" in html
    assert render("{{ moment|ago }}", moment=None) == units.NOTHING


def test_a_status_escapes_its_text_and_refuses_unknown_kinds() -> None:
    assert "state-busy" in render('{% status "busy" "Syncing" %}')
    assert "&lt;b&gt;" in render('{% status "ok" text %}', text="<b>")
    with pytest.raises(ValueError, match="A status is one of"):
        render('{% status "purple" "Well" %}')


def test_a_table_names_its_columns_aloud_where_it_does_not_show_them() -> None:
    html = render(
        '{% table caption "Name" left_out "(Actions)" %}<tr></tr>{% endtable %}', caption="A & B", left_out=""
    )
    assert '<caption class="visually-hidden">A &amp; B</caption>' in html
    assert re.findall('<th scope="col">(.*)</th>', html) == ["Name", '<span class="visually-hidden">Actions</span>']
    assert "<tr></tr>" in html
    assert "<caption" not in render('{% table "" "Name" %}{% endtable %}')


def test_a_live_part_is_fetched_anew_from_its_place() -> None:
    html = render('{% live 2 "audit:log" part="rows" was="a&b" %}')
    assert f'hx-get="{reverse("audit:log")}?was=a%26b" hx-trigger="every 2s"' in html
    assert """hx-select="#rows" hx-headers='{"Posthouse-Poll": "1"}'""" in html
    request = RequestFactory().get("/x/", {"q": '"'})
    assert 'hx-get="/x/?q=%22"' in render("{% live 2 %}", request=request)
    assert "hx-select" not in render("{% live 2 %}", request=request)


def test_an_error_is_tied_to_its_field() -> None:
    html = render("{% field form.to %}", form=Letter({"to": "nobody"}))
    assert 'for="id_to"' in html
    assert 'aria-describedby="id_to_helptext id_to_error"' in html
    assert 'aria-invalid="true"' in html
    assert re.search(r'<ul class="field-errors" id="id_to_error">\s*<li>Enter a valid email address.</li>', html)
    assert 'id="id_to_helptext">One address.' in html


def test_each_control_has_its_own_style() -> None:
    form = Letter()
    assert "form-check-input" in render("{% field form.urgent %}", form=form)
    assert "form-select" in render("{% field form.colour %}", form=form)
    assert "optional" in render("{% field form.colour %}", form=form)
    assert "optional" not in render("{% field form.to %}", form=form)
    copies = render("{% field form.copies %}", form=form)
    assert re.findall(r'<(\w+)[^>]*class="form-check-input"', copies) == ["input", "input"]
    assert copies.count('<label class="form-check">') == 2


def test_a_whole_form_shows_its_general_errors_first() -> None:
    form = Letter({"to": "a@b.local"})
    form.add_error(None, "The post is closed.")
    html = render('{% include "web/form.html" %}', form=form)
    assert html.index("The post is closed.") < html.index("Recipient")
    assert 'role="alert"' in html


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text()))
    named: dict[str, str] = {}
    for path in SOURCE.rglob("*.html"):
        text = path.read_text()
        for name in re.findall(r'{% icon "([^"]+)"|\bicon="([^"]+)"|{% nav "[^"]+" "([^"]+)"', text):
            named["".join(name)] = path.name
    assert named, "no page names an icon: the pattern above is wrong"
    assert {name: page for name, page in named.items() if name not in drawn} == {}


# What the policy forbids, htmx's ways to eval among them: hx-on, js: values, and conditions in a trigger.
FORBIDDEN = re.compile(
    r"""<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|hx-on|hx-[a-z]+=["']js:|hx-trigger="[^"]*\[""",
    re.IGNORECASE,
)


def test_no_template_needs_what_the_content_security_policy_forbids() -> None:
    assert FORBIDDEN.search('<div hx-trigger="every 2s [document.hidden]">')
    assert not FORBIDDEN.search('<script type="module" src="x.js"></script><div hx-trigger="every 2s">')
    assert [path.name for path in SOURCE.rglob("*.html") if FORBIDDEN.search(path.read_text())] == []


def test_what_a_hidden_input_holds_is_sent() -> None:
    nameless = re.compile(r'<input type="hidden"(?![^>]*\sname=)')
    assert nameless.search('<input type="hidden" value="x">')
    assert [path.name for path in SOURCE.rglob("*.html") if nameless.search(path.read_text())] == []
