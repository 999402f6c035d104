"""Personal lists: who is on them, and how names that somebody types come to be members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Lower

from posthouse.accounts import naming
from posthouse.accounts.models import User
from posthouse.contacts import book
from posthouse.contacts.models import Member, PersonalList

BATCH = 500
MOST = 500
"""Lists that one person may have."""
MEMBERS = 10_000


def of(owner: User) -> QuerySet[PersonalList]:
    """Return somebody's lists by name."""
    return PersonalList.objects.filter(owner=owner).order_by(Lower("name"))


def counted(found: Iterable[PersonalList]) -> list[tuple[PersonalList, int]]:
    """Return each list with how many people are on it."""
    rows = list(found)
    members = Member.objects.filter(list__in=rows).values_list("list").annotate(people=Count("pk"))
    counts = dict(members)
    return [(row, counts.get(row.pk, 0)) for row in rows]


def members(found: PersonalList) -> QuerySet[Member]:
    """Return who is on a list, users first, each group by name."""
    return found.members.select_related("user", "contact").order_by(
        "user__name", "contact__name", "contact__email", "pk"
    )


def expand(owner: User, list_id: UUID) -> tuple[str, list[User], list[str]] | None:
    """Return the name of somebody's list, the active users on it and the addresses; None when he has no such list."""
    found = PersonalList.objects.filter(owner=owner, pk=list_id).first()
    if found is None:
        return None
    users = User.objects.able().filter(pk__in=found.members.filter(user__isnull=False).values("user"))
    addresses = found.members.filter(contact__isnull=False).order_by("pk").values_list("contact__email", flat=True)
    return found.name, list(users.order_by("name", "pk")), list(addresses)


def add(found: PersonalList, names: Sequence[tuple[str, str]]) -> tuple[int, list[str]]:
    """Put people on a list: users by name or address, and addresses outside, which become contacts.

    Return how many are new on it, and what is wrong with the others.
    """
    known = naming.find(name for name, _ in names)
    users = {known.people[name].pk for name, _ in names if name in known.people}
    outside = {name: called for name, called in names if name not in known.people and naming.is_address(name)}
    complaints = [
        f"Several people have the address {name}. Write the user name instead."
        for name in outside
        if name in known.several
    ]
    outside = {name: called for name, called in outside.items() if name not in known.several}
    complaints += [
        f"“{name[:100]}” is neither a user name here nor an e-mail address. Correct it, and add it again."
        for name, _ in names
        if name not in known.people and name not in known.several and name not in outside
    ]
    with transaction.atomic():
        contacts = book.by_address(found.owner, list(outside))
        if book.add(found.owner, {name: called for name, called in outside.items() if name not in contacts}):
            complaints.append(
                f"An address book holds {book.MOST:,} contacts; the rest was left out. Delete some first."
            )
        contacts = book.by_address(found.owner, list(outside))
        before = found.members.count()
        put(found, users, (contact.pk for contact in contacts.values()), MEMBERS - before)
        new = found.members.count() - before
    if before + len(users) + len(contacts) > MEMBERS and before + new >= MEMBERS:
        complaints.append(f"A list holds {MEMBERS:,} people; the rest was left out. Make another list.")
    return new, complaints


def put(found: PersonalList, users: Iterable[UUID], contacts: Iterable[UUID], room: int) -> None:
    """Put users and contacts on a list, as many as there is room for. Who is on it stays on it once."""
    rows = [Member(list=found, user_id=pk) for pk in users] + [Member(list=found, contact_id=pk) for pk in contacts]
    on_it = set(found.members.values_list("user_id", "contact_id"))
    new = [row for row in rows if (row.user_id, row.contact_id) not in on_it]
    Member.objects.bulk_create(new[: max(0, room)], batch_size=BATCH, ignore_conflicts=True)
