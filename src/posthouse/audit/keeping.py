"""Forgetting events that are older than administrators want them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from posthouse.audit.models import Event, Retention

BATCH = 500
MOST = 50_000
"""Events that are deleted in one go: others want to write meanwhile."""


def forget_old() -> int:
    """Delete what is too old, and return how many events that were."""
    days = Retention.in_force().days
    if days is None:
        return 0
    old = Event.objects.filter(at__lt=timezone.now() - timedelta(days=days)).order_by("at")
    gone = 0
    while gone < MOST and (keys := list(old.values_list("pk", flat=True)[:BATCH])):
        gone += Event.objects.filter(pk__in=keys).delete()[0]
    return gone
