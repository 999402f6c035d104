"""How long packages are kept: what administrators set, and what a sender may choose for one package."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from django.contrib.auth.hashers import make_password
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from posthouse.packages.models import OutsidePolicy, Package, Policy

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


PASSWORD_LENGTH = 8
NOBODY_OUTSIDE = "Packages are not sent to outside e-mail addresses. Choose people who have an account here."


def outside() -> OutsidePolicy:
    """Return what holds for sending to outside e-mail addresses."""
    return OutsidePolicy.objects.filter(removed_at=None).first() or OutsidePolicy()


@sensitive_variables("password")
def settle_outside(
    days: int | Literal["policy"] | None, password: str, *, once: bool
) -> tuple[tuple[int | None, bool, str], list[str]]:
    """Return days, whether once, and the password's hash for the links of a new package, and what is wrong with it."""
    rules = outside()
    complaints: list[str] = []
    if not rules.allowed:
        complaints.append(NOBODY_OUTSIDE)
    days = rules.days if days == "policy" else days
    if days is not None and not 1 <= days <= MOST_DAYS:
        complaints.append("A link is good for at least one day. Type a number of days, or nothing.")
    elif rules.days is not None and (days is None or days > rules.days):
        complaints.append(f"A link is good for {rules.days} days at most.")
    if rules.password == OutsidePolicy.Password.MUST and not password:
        complaints.append("Links for outside recipients need a password. Type one, and tell it to them by another way.")
    elif password and len(password) < PASSWORD_LENGTH:
        complaints.append(f"The password for outside recipients has at least {PASSWORD_LENGTH} characters.")
    hashed = make_password(password) if password and not complaints else ""
    return (days, once or rules.once, hashed), complaints
