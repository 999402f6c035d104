"""Seats: users with a session that has not ended (R7, D2). They are counted at log-in, never for each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from posthouse.licensing import licences
from posthouse.licensing.models import Licence, Session

SLACK = timedelta(minutes=1)


class Full(Exception):
    """All seats are taken; the message is a sentence for whoever wanted one."""


@dataclass(frozen=True)
class Seats:
    """How many there are."""

    used: int
    limit: int | None
    """None: as many as there are users."""


def now() -> Seats:
    """Return how many seats are in use."""
    return Seats(_taken().values("user").distinct().count(), licences.standing().seats)


def admit(user: UUID, *, always: bool = False) -> None:
    """Return when this user may have a session: he has one already, a seat is free, or he gets in `always`.

    Call it in the transaction that writes the session. Two who want the last seat wait for one another here, so that
    the second one sees the first. Raises Full.
    """
    if licences.standing().seats is None:
        return
    # The licences are what the limit comes from: locked, in one order, they also keep it as it is meanwhile.
    list(Licence.objects.select_for_update().order_by("pk"))
    standing = licences.standing()
    if always or standing.seats is None or _taken().filter(user=user).exists():
        return
    if standing.terms is None:
        raise Full("This server has no licence yet. Until an administrator installs one, only administrators get in.")
    if _taken().values("user").distinct().count() >= standing.seats:
        many = "The one seat" if standing.seats == 1 else f"All {standing.seats} seats"
        raise Full(
            f"{many} of this server {'is' if standing.seats == 1 else 'are'} taken: as many people are logged in as its"
            " licence allows. Try again later, when somebody has left."
        )


def _taken() -> QuerySet[Session]:
    """Return the sessions that have not ended.

    One that was last used in the future is from before the clock was set back: it takes no seat until it is used again.
    """
    moment = timezone.now()
    return Session.objects.filter(expire_date__gt=moment, user__isnull=False, seen_at__lte=moment + SLACK)
