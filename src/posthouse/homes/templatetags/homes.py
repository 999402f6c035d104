"""Why somebody has his home server, for the pages about accounts."""

from __future__ import annotations

from typing import Any

from django import template

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.homes import behind
from posthouse.homes.models import Placement

register = template.Library()


@register.inclusion_tag("homes/reason.html")
def home_reason(person: User) -> dict[str, Any]:
    """Show why a person has his home server: which rule, the default, or by whose hand; and since when."""
    person = User.objects.select_related("home").get(pk=person.pk)  # a form may have written into the one of the page
    found = Placement.objects.filter(user=person).select_related("rule").first()
    if found is None or found.home_id != person.home_id:
        found = None
    here = User.objects.filter(pk=person.pk, home__is_self=True)
    return {
        "person": person,
        "placement": found,
        "Kind": Placement.Kind,
        "behind": behind.of(here.values("pk")),
        "here": servers.this().name,
    }


@register.filter
def get(mapping: dict[Any, Any], key: object) -> Any:
    """Return what a mapping has for a key."""
    return mapping.get(key)
