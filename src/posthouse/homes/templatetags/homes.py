"""Why somebody has his home server, for the pages about accounts."""

from __future__ import annotations

from typing import Any

from django import template

from posthouse.accounts.models import User
from posthouse.homes.models import Placement

register = template.Library()


@register.inclusion_tag("homes/reason.html")
def home_reason(person: User) -> dict[str, Any]:
    """Show why a person has his home server: which rule, the default, or by whose hand; and since when."""
    person = User.objects.select_related("home").get(pk=person.pk)  # a form may have written into the one of the page
    found = Placement.objects.filter(user=person).select_related("rule").first()
    if found is None or found.home_id != person.home_id:
        found = None
    return {"person": person, "placement": found, "Kind": Placement.Kind}


@register.filter
def get(mapping: dict[Any, Any], key: object) -> Any:
    """Return what a mapping has for a key."""
    return mapping.get(key)
