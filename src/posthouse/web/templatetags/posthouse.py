"""Template tags and filters of every page; built in, so no page loads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from posthouse.web import units

register = template.Library()

STATUSES = ("ok", "busy", "wait", "error", "off")


@register.filter(name="bytes")
def bytes_(count: float | None) -> str:
    """Show a number of bytes: "1.23 MB"."""
    return units.size(count)


@register.filter
def rate(speed: float | None) -> str:
    """Show a speed in bytes per second: "12.3 MB/s"."""
    return units.rate(speed)


@register.filter
def duration(length: timedelta | float | None) -> str:
    """Show a length of time, a timedelta or seconds: "2 h 5 min"."""
    return units.duration(length)


@register.filter
def ago(moment: datetime | None) -> str:
    """Show how long ago a moment was; the full time is in the title, in the time zone of the person who looks."""
    if moment is None:
        return units.NOTHING
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        f"{local.day} {local:%B %Y, %H:%M:%S %Z}",
        units.ago(moment, timezone.now()),
    )


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Draw an icon of the sprite. It says nothing to screen readers: the words beside it do."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        extra,
        static("vendor/tabler/icons.svg"),
        name,
    )


@register.simple_tag
def status(kind: str, text: str) -> SafeString:
    """Show a status in words with the colour of its kind: ok, busy, wait, error or off."""
    if kind not in STATUSES:
        raise ValueError(f"A status is one of {', '.join(STATUSES)}, not {kind!r}.")
    return format_html(
        '<span class="state state-{}"><span class="state-dot" aria-hidden="true"></span>{}</span>', kind, text
    )


@register.simple_tag(takes_context=True)
def live(
    context: template.Context, seconds: int, name: str = "", *args: Any, part: str = "", **query: str
) -> SafeString:
    """Have an element fetched anew every so many seconds, in its place, while somebody looks at it (see polls.js).

    It comes from the URL of that name, arguments and query, else from the page itself. `part`: its id, where it comes
    with a whole page around it. An error leaves what is there.
    """
    url = reverse(name, args=args) if name else context["request"].get_full_path()
    return format_html(
        'hx-get="{}" hx-trigger="every {}s" hx-swap="outerMorph"{}'
        """ hx-headers='{{"Posthouse-Poll": "1"}}' hx-status:4xx="swap:none" hx-status:5xx="swap:none\"""",
        f"{url}?{urlencode(query)}" if query else url,
        seconds,
        format_html(' hx-select="#{}"', part) if part else "",
    )


@register.inclusion_tag("web/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """Show a form's field with its label, its help and its errors, tied together for screen readers."""
    widget = bound.field.widget
    check = isinstance(widget, CheckboxInput)
    style = "form-select" if isinstance(widget, Select) else "form-control"
    if check or isinstance(widget, RadioSelect):
        style = "form-check-input"
    if bound.errors:
        style += " is-invalid"
    if isinstance(widget, RadioSelect):  # also CheckboxSelectMultiple: what is given to as_widget goes around them, too
        widget.attrs["class"] = style
    return {"field": bound, "control": bound.as_widget(attrs={"class": style}), "check": check}


@register.inclusion_tag("web/nav_item.html", takes_context=True)
def nav(context: template.Context, name: str, picture: str, text: str) -> dict[str, Any]:
    """Show a link of the navigation, marked when the page is that one or lies under it."""
    url, request = reverse(name), context.get("request")
    path = request.path if request else ""
    current = "page" if path == url else "true" if path.startswith(url) else ""
    return {"url": url, "picture": picture, "text": text, "current": current}


@register.simple_block_tag
def table(content: str, caption: str, *columns: str, extra: str = "mb-0", anchor: str = "") -> SafeString:
    """Show rows under the names of their columns; on a phone each row is a card, and `data-label` names its cells.

    The caption is read aloud and not shown, and so is a name in brackets: "(Actions)". An empty name is no column.
    """
    shown = [(name.strip("()"), name.startswith("(")) for name in columns if name]
    return render_to_string(
        "web/table.html", {"content": content, "caption": caption, "columns": shown, "extra": extra, "anchor": anchor}
    )
