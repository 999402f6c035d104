"""A CSV file becomes contacts and lists, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from posthouse.accounts import naming
from posthouse.accounts.models import User
from posthouse.contacts import book, lists, table
from posthouse.contacts.models import Contact, Member, PersonalList

SHOWN = 50
"""Bad lines that are told one by one."""
BATCH = 500


@dataclass
class Outcome:
    """What came of a file."""

    new: int = 0
    known: int = 0
    """Contacts that were there; they have the names of the file now."""
    users: int = 0
    """Lines about people who have an account: they need no contact, and are on the lists."""
    bad: list[table.Bad] = field(default_factory=list)
    more: int = 0
    """Bad lines beyond those in `bad`."""

    @property
    def complete(self) -> bool:
        """Whether every line was good."""
        return not self.bad


def take(owner: User, text: str) -> Outcome:
    """Take in every good line of a file; saying it again changes nothing. Raises table.NoTable."""
    outcome, rows = Outcome(), []
    for row in table.read(text):
        if isinstance(row, table.Row):
            rows.append(row)
        elif len(outcome.bad) < SHOWN:
            outcome.bad.append(row)
        else:
            outcome.more += 1
    with transaction.atomic():
        users = naming.find(row.email for row in rows).people
        outside = {row.email: row.name for row in rows if row.email not in users}
        known = book.by_address(owner, list(outside))
        renamed = [contact for email, contact in known.items() if outside[email] and contact.name != outside[email]]
        for contact in renamed:
            contact.name = outside[contact.email]
        Contact.objects.bulk_update(renamed, ["name"], batch_size=BATCH)
        new = {email: name for email, name in outside.items() if email not in known}
        left_out = book.add(owner, new)
        if left_out:
            sentence = f"{left_out:,} contacts found no room: an address book holds {book.MOST:,}. Delete some first."
            outcome.bad.append(table.Bad(0, sentence))
        outcome.new, outcome.known = len(new) - left_out, len(known)
        outcome.users = len({row.email for row in rows if row.email in users})
        _put_on_lists(owner, rows, users, outcome)
    return outcome


def _put_on_lists(owner: User, rows: list[table.Row], users: dict[str, User], outcome: Outcome) -> None:
    contacts = book.by_address(owner, list({row.email for row in rows if row.lists and row.email not in users}))
    wanted: dict[str, list[table.Row]] = {}
    for row in rows:
        for name in row.lists:
            wanted.setdefault(name.lower(), []).append(row)
    present = {found.name.lower(): found for found in PersonalList.objects.filter(owner=owner)}
    for key, on_it in wanted.items():
        if key not in present:
            if len(present) >= lists.MOST:
                outcome.bad.append(table.Bad(on_it[0].line, f"You have {lists.MOST} lists already. Delete one first."))
                break
            name = next(name for name in on_it[0].lists if name.lower() == key)
            present[key] = PersonalList.objects.create(owner=owner, name=name)
        found = present[key]
        room = lists.MEMBERS - found.members.count()
        if len(on_it) > room:
            sentence = f"The list {found.name} holds {lists.MEMBERS:,} people; the rest was left out."
            outcome.bad.append(table.Bad(on_it[0].line, sentence))
        people = {users[row.email].pk for row in on_it if row.email in users}
        outside = [contacts[row.email].pk for row in on_it if row.email in contacts]
        lists.put(found, people, outside, room)


def export(owner: User) -> str:
    """Return all contacts of somebody, and the users on his lists, as a CSV file."""
    on_lists: dict[tuple[object, object], list[str]] = {}
    rows = Member.objects.filter(list__owner=owner).order_by("list__name")
    for user, contact, name in rows.values_list("user", "contact", "list__name"):
        on_lists.setdefault((user, contact), []).append(name)
    people = User.objects.present().filter(pk__in=rows.filter(user__isnull=False).values("user"))
    found = [(each.name, each.email, on_lists.get((each.pk, None), [])) for each in people.order_by("name", "pk")]
    found += [(each.name, each.email, on_lists.get((None, each.pk), [])) for each in book.of(owner)]
    return table.write(found)
