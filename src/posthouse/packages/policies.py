"""How long packages are kept: what administrators set, and what a sender may choose for one package."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from django.utils import timezone

from posthouse.packages.models import Package, Policy

LATEST = timedelta(days=365)
"""A package may wait for its release so long at most."""
MOST_DAYS = 36_500

Kept = tuple[int | None, str, datetime | None]


def policy() -> Policy:
    """Return what is set; a server on which nothing was set keeps packages until somebody deletes them."""
    return Policy.objects.first() or Policy()


def settle(
    keep_days: int | Literal["policy"] | None, after: str, release_at: datetime | None
) -> tuple[Kept, list[str]]:
    """Return days, what follows a download, and the release of a new package, and what is wrong with the wishes."""
    rules = policy()
    complaints: list[str] = []
    days = rules.keep_days if keep_days == "policy" else keep_days
    if keep_days != "policy" and days != rules.keep_days:
        if not rules.may_choose:
            complaints.append("How long packages are kept is set by the administrators of this server.")
        elif days is not None and not 1 <= days <= MOST_DAYS:
            complaints.append("A package is kept for at least one day. Type a number of days, or nothing.")
        elif rules.most_days is not None and (days is None or days > rules.most_days):
            complaints.append(f"A package can be kept for {rules.most_days} days at most.")
    after = after or rules.after_download
    if after not in Package.After.values:
        complaints.append("What happens after a download must be chosen from the list.")
    elif after != rules.after_download and not rules.may_choose:
        complaints.append("What happens after a download is set by the administrators of this server.")
    if release_at is not None and release_at > timezone.now() + LATEST:
        complaints.append("A package can wait for its release for a year at most.")
    return (days, after, release_at), complaints


def may_end(package: Package, day: date | None) -> str:
    """Return why a package may not be made to end after this day (None: not at all); "" when it may."""
    rules = policy()
    if not rules.may_choose:
        return "How long packages are kept is set by the administrators of this server."
    if rules.most_days is None:
        return ""
    latest = ((package.closed_at or timezone.now()) + timedelta(days=rules.most_days)).date()
    if day is None or day > latest:
        return f"A package can be kept for {rules.most_days} days at most: choose a day up to {latest:%-d %B %Y}."
    return ""
