"""The lists of packages: what is shown of each, in a fixed number of queries per page."""

from __future__ import annotations

from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet, Subquery

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.homes.behind import Left, People
from posthouse.packages import access
from posthouse.packages.models import Delivery, Package

NAMED = 3
"""Recipients of a package that a list names; of the others it tells how many they are."""


def received_by(user: User, *, archived: bool = False) -> QuerySet[Delivery]:
    """Return what this person can fetch here, newest first, without or with nothing but what he archived."""
    return (
        Delivery.objects.filter(
            recipient=user,
            available_at__isnull=False,
            hidden_at=None,
            package__ended_at=None,
            archived_at__isnull=not archived,
        )
        .select_related("package__sender")
        .order_by("-available_at", "-pk")
    )


def sent_by(user: User, here: Server) -> QuerySet[Package]:
    """Return what this person sent, newest first."""
    return _with_recipients(Package.objects.filter(sender=user), here, Delivery.objects.all())


def all_for(user: User, here: Server) -> QuerySet[Package]:
    """Return all packages, newest first, for an administrator. `mine`: he may open it, as its sender or recipient.

    Private recipients are not named to him, nor counted.
    """
    mine = access.visible_to(user).filter(pk=OuterRef("pk"))
    openly = Delivery.objects.filter(private=False)
    return _with_recipients(access.listed_for(user), here, openly).select_related("sender").annotate(mine=Exists(mine))


def _with_recipients(packages: QuerySet[Package], here: Server, shown: QuerySet[Delivery]) -> QuerySet[Package]:
    """Add `named` and `recipient_count` of the recipients that are shown, and `relayed`: it goes elsewhere."""
    elsewhere = Delivery.objects.filter(package=OuterRef("pk"), package__origin=here).exclude(home=here)
    counted = shown.filter(package=OuterRef("pk")).values("package").annotate(count=Count("pk"))
    named = shown.select_related("recipient").order_by("recipient__name", "pk")[:NAMED]
    return (
        packages.annotate(recipient_count=Subquery(counted.values("count")), relayed=Exists(elsewhere))
        .prefetch_related(Prefetch("deliveries", named, to_attr="named"))
        .order_by("-created_at", "-pk")
    )


def received_left(people: People) -> Left:
    """Count what these people could still fetch here, for whoever moves them to another server (R68)."""
    left = Delivery.objects.filter(recipient__in=people, available_at__isnull=False, hidden_at=None)
    return Left(left.filter(package__ended_at=None).count(), "received package", "received packages")


def sent_left(people: People) -> Left:
    """Count what these people sent from here, for whoever moves them to another server (R68)."""
    sent = Package.objects.filter(sender__in=people, origin__is_self=True, ended_at=None)
    return Left(sent.count(), "sent package", "sent packages")
