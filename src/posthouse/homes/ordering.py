"""The order of the rules, and their end. Call these inside `examples.changing`."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from posthouse.homes import ruleset
from posthouse.homes.models import Rule


def move(rule_id: UUID, to: int) -> bool:
    """Put a rule at a place, counted from 1, and the others after one another; False when it is there already."""
    rules = list(ruleset.present())
    moving = next((rule for rule in rules if rule.pk == rule_id), None)
    if moving is None:
        return False
    rules.remove(moving)
    rules.insert(max(0, min(to - 1, len(rules))), moving)
    moved = []
    for place, rule in enumerate(rules, 1):
        if rule.position != place:
            rule.position = place
            moved.append(rule)
    Rule.objects.bulk_update(moved, ["position"])
    return bool(moved)


def place_of(rule_id: UUID) -> int:
    """Return at which place a rule stands, counted from 1; 0 when it is none of them."""
    ids = list(ruleset.present().values_list("pk", flat=True))
    return ids.index(rule_id) + 1 if rule_id in ids else 0


def delete(rule: Rule) -> None:
    """End a rule. The mark travels to the slaves like any other change."""
    Rule.objects.filter(pk=rule.pk, removed_at=None).update(removed_at=timezone.now())
