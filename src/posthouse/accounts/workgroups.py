"""Workgroups: who is in which."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from posthouse.accounts import permissions
from posthouse.accounts.models import Membership, User, Workgroup

BATCH = 500


def of(user: User) -> QuerySet[Workgroup]:
    """Return the workgroups that a person is in, by name."""
    return Workgroup.objects.filter(removed_at=None, memberships__user=user).order_by("name")


def members(group: Workgroup) -> QuerySet[User]:
    """Return the active people of a workgroup, by name."""
    return User.objects.able().filter(memberships__workgroup=group, local=False).order_by("name", "pk")


def seen_by(user: User) -> QuerySet[Workgroup]:
    """Return the workgroups whose pages a person may open: his own; all, if he is an administrator."""
    return Workgroup.objects.filter(removed_at=None).order_by("name") if user.is_administrator else of(user)


def leads(user: User, group: Workgroup) -> bool:
    """Return whether a person may change who is in a workgroup: its administrators, and those of the server."""
    return user.is_administrator or group.memberships.filter(user=user, is_administrator=True).exists()


def shows_members(user: User, group: Workgroup) -> bool:
    """Return whether a person may see who is in a workgroup of his."""
    return permissions.may(user, permissions.DIRECTORY) or leads(user, group)


def sendable_by(user: User) -> QuerySet[Workgroup]:
    """Return the workgroups to which a person may send."""
    present = Workgroup.objects.filter(removed_at=None)
    if user.is_administrator:
        return present
    mine = Membership.objects.filter(workgroup=OuterRef("pk"), user=user)
    leading = mine.filter(is_administrator=True)
    members_may = Q(senders__in=(Workgroup.Senders.EVERYBODY, Workgroup.Senders.MEMBERS)) & Q(Exists(mine))
    allowed = members_may | Q(Exists(leading))
    if permissions.may(user, permissions.EVERYONE):
        allowed |= Q(senders=Workgroup.Senders.EVERYBODY)
    return present.filter(allowed)


def colleagues_of(user: User) -> QuerySet[Membership, UUID]:
    """Return the ids of all who are in a workgroup with this person, himself too, as a query for use in another one."""
    return Membership.objects.filter(workgroup__in=of(user).order_by().values("pk")).values_list("user_id", flat=True)


def colleagues(user: User, among: Sequence[UUID]) -> set[UUID]:
    """Return which of these people are in a workgroup with this person."""
    found: set[UUID] = set()
    for at in range(0, len(among), BATCH):
        found.update(colleagues_of(user).filter(user__in=among[at : at + BATCH]))
    return found
