"""The daily e-mail of those who want no more than one: what waits for it, and when it goes out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from posthouse.accounts import preferences
from posthouse.accounts.models import User
from posthouse.lib.characters import one_line
from posthouse.notices import outbox, wordings
from posthouse.notices.letters import Letter, link
from posthouse.notices.models import DigestLine
from posthouse.notices.wordings import Wording

HOUR = time(7)
"""When daily e-mails go out, in the time zone of the reader."""
SHOWN = 50
"""Lines of one e-mail; of the others it says how many they are."""
LINE = 300
BATCH = 500
KEEP = timedelta(days=30)

DIGEST = wordings.register(
    Wording(
        name="digest",
        title="Daily e-mail",
        who="People who want one e-mail a day about packages, in the morning of their time zone.",
        subject="{count} news about packages on {server}",
        text="This is what has happened since your last daily e-mail.",
        action="Go to your packages",
        variables={"count": "2", "server": "paris"},
        facts={"1": "Alice sent you “Rushes of day 12”", "2": "Bob sent you “Titles”"},
    )
)


def tell(people: Iterable[User], about: str, letter: Letter, line: str) -> None:
    """Tell people of something about packages, as each of them has chosen: by an e-mail now, in the daily one, or not.

    Call it in the transaction that makes it true, as outbox.tell. `line` is what the daily e-mail says.
    """
    now: list[User] = []
    later: list[User] = []
    for person in people:
        if person.mails == User.Mails.DAILY:
            later.append(person)
        elif person.mails != User.Mails.NONE:
            now.append(person)
    if now:
        outbox.tell(now, about, letter)
    able = (person for person in later if person.email and person.is_active and person.removed_at is None)
    DigestLine.objects.bulk_create(
        (DigestLine(person=person, about=about, text=one_line(line, LINE)) for person in able),
        batch_size=BATCH,
        ignore_conflicts=True,
    )


def is_due(oldest: datetime, now: datetime, zone: tzinfo) -> bool:
    """Return whether the hour has come, since something waits that was made at `oldest`. Pure.

    A clock that was set back makes it wait for the next morning, never twice.
    """
    here = oldest.astimezone(zone)
    morning = datetime.combine(here.date(), HOUR, zone)
    if morning <= here:
        morning = datetime.combine(here.date() + timedelta(days=1), HOUR, zone)
    return now >= morning


def send_due() -> int:
    """Make the daily e-mails whose hour has come; return how many."""
    now = timezone.now()
    waiting = DigestLine.objects.filter(sent_at=None).values("person", "person__time_zone")
    count = 0
    for row in waiting.annotate(oldest=Min("created_at")).order_by("oldest"):
        zone = preferences.zone(row["person__time_zone"]) or timezone.get_default_timezone()
        if is_due(row["oldest"], now, zone):
            count += send(row["person"])
    return count


def send(person_id: UUID) -> bool:
    """Make one person's daily e-mail of all that waits for it; False when nothing does any more."""
    with transaction.atomic():
        # The lock: of two workers, the second finds that nothing waits.
        waiting = DigestLine.objects.select_for_update().filter(person=person_id, sent_at=None)
        lines = list(waiting.order_by("created_at", "pk"))
        if not lines:
            return False
        waiting.filter(pk__lte=max(line.pk for line in lines)).update(sent_at=timezone.now())
        person = User.objects.get(pk=person_id)
        if person.mails != User.Mails.NONE:  # he may have changed his mind since
            outbox.tell([person], f"digest:{lines[0].pk}", _letter(lines))
    return True


def forget_old() -> int:
    """Delete lines that were sent long ago; return how many."""
    return DigestLine.objects.filter(sent_at__lt=timezone.now() - KEEP).delete()[0]


def _letter(lines: list[DigestLine]) -> Letter:
    facts = {str(number): line.text for number, line in enumerate(lines[:SHOWN], 1)}
    if len(lines) > SHOWN:
        facts["…"] = f"and {len(lines) - SHOWN:,} more"
    values = {"count": f"{len(lines):,}", "server": settings.POSTHOUSE.name}
    return DIGEST.letter(values, facts, link("packages:received"))
