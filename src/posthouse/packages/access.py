"""Who may see which package. Every look-up for a person goes through here; what is not his is not there."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from posthouse.accounts.models import User
from posthouse.packages.models import Delivery, Package


def visible_to(user: User) -> QuerySet[Package]:
    """Return the packages that this person sent, and those that he can fetch here. Administrators get no more.

    A package that has ended is its sender's alone, and one that its recipient deleted is not his any more.
    """
    mine = Delivery.objects.filter(
        package=OuterRef("pk"), recipient=user, available_at__isnull=False, hidden_at=None, package__ended_at=None
    )
    return Package.objects.filter(Q(sender=user) | Exists(mine))


def delivery(user: User, package_id: UUID) -> Delivery | None:
    """Return this person's own share in a package that he can fetch here."""
    mine = Delivery.objects.select_related("package").filter(package=package_id, recipient=user)
    return mine.filter(available_at__isnull=False, hidden_at=None, package__ended_at=None).first()


def told_of(user: User, package: Package) -> QuerySet[Delivery]:
    """Return the deliveries of which this person may know: a private one only its sender and its recipient see."""
    if package.sender_id == user.pk:
        return package.deliveries.all()
    return package.deliveries.filter(Q(private=False) | Q(recipient=user))


def may_fetch(user: User, package_id: UUID) -> Package | None:
    """Return the package if this person may download its files: it is his, and all of it is here."""
    return visible_to(user).filter(pk=package_id, closed_at__isnull=False, ended_at=None).first()


def own(user: User, package_id: UUID) -> Package | None:
    """Return the package if this person sends it."""
    return Package.objects.filter(pk=package_id, sender=user).first()


def listed_for(user: User) -> QuerySet[Package]:
    """Return what Server > Packages lists: all packages for an administrator, nothing for others."""
    return Package.objects.all() if user.is_administrator else Package.objects.none()
