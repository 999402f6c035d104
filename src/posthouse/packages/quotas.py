"""How much a person may still send: one package, and all packages of the last days together."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone

from posthouse.accounts import permissions
from posthouse.accounts.models import User
from posthouse.packages.models import Package
from posthouse.web import units


def used(user: User, days: int) -> int:
    """Return the bytes that a person has sent within so many days. What he forwarded, or gave up, does not count."""
    since = timezone.now() - timedelta(days=days)
    sent = Package.objects.filter(sender=user, created_at__gt=since, forwarded_from=None)
    given_up = sent.filter(status=Package.Status.ERROR, closed_at=None)
    return sent.exclude(pk__in=given_up.values("pk")).aggregate(total=Sum("size"))["total"] or 0


def complaint(user: User, size: int) -> str:
    """Return why a person may not send a package of this size; "" if he may.

    Call it in the transaction that makes the package: of two packages at once the second waits, and sees the first.
    """
    limits = permissions.limits(user)
    if limits.package is not None and size > limits.package:
        return f"The package has {units.size(size)}; {units.size(limits.package)} is the most. Send less."
    if limits.quota is None:
        return ""
    User.objects.select_for_update().get(pk=user.pk)
    left = max(0, limits.quota - used(user, limits.quota_days))
    if size <= left:
        return ""
    return (
        f"You may send {units.size(limits.quota)} in {limits.quota_days} days; {units.size(left)} of that is left,"
        f" and this package has {units.size(size)}. Wait, or ask an administrator."
    )
