"""Mails as work: when they come to be, which may be sent, and when they are forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Case, Exists, F, QuerySet, TextField, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.jobs import leases
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.notices import mailserver
from posthouse.notices.decide import LIFETIME, delay
from posthouse.notices.letters import Letter
from posthouse.notices.models import Outage, OutgoingMail

WAITING = (State.QUEUED, State.DEFERRED, State.HELD)
KEEP = timedelta(days=30)
BATCH = 500
SECRET = "PERSONAL-LINK"  # noqa: S105 - a mark, not a secret
"""Stands in a letter for what only its reader may see."""
NO_SERVER = f"No mail server was set within {LIFETIME.days} days."


def tell(people: Iterable[User], about: str, letter: Letter) -> None:
    """Have these people told of an event by mail: each of them once, however often this is called for the event.

    Call it in the transaction that makes the letter true: then the mail goes out if, and only if, that is committed.
    Whoever cannot log in any more is told nothing. Of several accounts with one address the first one is told.
    """
    text, html = letter.render()
    readers: dict[str, User] = {}
    for person in people:
        if person.email and person.is_active and person.removed_at is None:
            readers.setdefault(person.email.casefold(), person)
    OutgoingMail.objects.bulk_create(
        (
            OutgoingMail(about=about, person=person, to=person.email, subject=letter.title, text=text, html=html)
            for person in readers.values()
        ),
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    wake_on_commit()


def tell_outside(address: str, about: str, letter: Letter, secret: str) -> None:
    """Have somebody outside told of an event by mail, once. `secret` takes the place of SECRET in the letter.

    Administrators can read every mail, so the secret is kept apart from it, and forgotten when the mail has gone.
    """
    text, html = letter.render()
    mail = OutgoingMail(about=about, to=address, subject=letter.title, text=text, html=html, secret=secret)
    OutgoingMail.objects.bulk_create([mail], ignore_conflicts=True)
    wake_on_commit()


def tell_secretly(person: User, about: str, letter: Letter, secret: str) -> None:
    """Have one person told of an event by mail, once, with a secret in place of SECRET, as `tell_outside` does."""
    text, html = letter.render()
    mail = OutgoingMail(about=about, person=person, to=person.email, subject=letter.title, text=text, html=html)
    mail.secret = secret
    OutgoingMail.objects.bulk_create([mail], ignore_conflicts=True)
    wake_on_commit()


def administrators() -> list[User]:
    """Return all active administrators; of two accounts with one address, which a slave may have, only one."""
    able = User.objects.able().filter(role=User.Role.ADMINISTRATOR).order_by("-created_at")
    return list({person.email.casefold(): person for person in able}.values())


def due() -> QuerySet[OutgoingMail]:
    """Return the mails that may be sent as far as the mail server is concerned, oldest first."""
    if mailserver.in_force().host is None:
        return OutgoingMail.objects.none()
    away = Outage.objects.filter(next_try_at__gt=Now())
    return OutgoingMail.objects.filter(~Exists(away)).order_by("created_at")


def server_failed(error: str) -> datetime:
    """Note that the mail server takes no mails; return when it is tried again."""
    now = timezone.now()
    outage, _ = Outage.objects.get_or_create(pk=1, defaults={"next_try_at": now, "last_error": error})
    when = now + delay(outage.failures + 1, random.random())  # noqa: S311 - spreads load, guards nothing
    # Of several mails that fail at the same moment, one counts.
    Outage.objects.filter(pk=1, next_try_at__lte=now).update(
        failures=F("failures") + 1, next_try_at=when, last_error=error
    )
    return when


def server_works() -> None:
    """Note that the mail server takes mails: those that waited for it may go."""
    if Outage.objects.all().delete()[0]:
        wake_on_commit()


def retry(mails: QuerySet[OutgoingMail]) -> int:
    """Have those mails tried at once that wait or have failed; return how many."""
    count = leases.requeue(mails)
    Outage.objects.update(next_try_at=timezone.now())
    wake_on_commit()
    return count


def end_old() -> int:
    """End as failed what waited too long for a mail server that is not there; return how many.

    Where there is one, each mail is tried, and its last try ends it.
    """
    outage = Outage.objects.first()
    if outage is None and mailserver.in_force().host is not None:
        return 0
    now = timezone.now()
    error = Value(outage.last_error if outage else NO_SERVER)
    return OutgoingMail.objects.filter(state__in=WAITING, created_at__lte=now - LIFETIME).update(
        state=State.FAILED,
        last_error=Case(When(last_error="", then=error), default=F("last_error"), output_field=TextField()),
        ended_at=now,
        updated_at=now,
    )


def forget_old() -> int:
    """Delete mails that were sent, or have failed, long ago; return how many."""
    ended = OutgoingMail.objects.filter(state__in=(State.DONE, State.FAILED), ended_at__lt=timezone.now() - KEEP)
    return ended.delete()[0]
