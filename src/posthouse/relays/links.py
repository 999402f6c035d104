"""The way to each other server: back-off belongs to it, not to each relay, so that a dead site costs one try at a time.

While a link fails, its relays wait together; when it is due again, one of them tries, and its success frees the rest.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.relays.decide import delay
from posthouse.relays.models import Link, Relay


def due() -> QuerySet[Relay]:
    """Return the relays that may be started as far as their links are concerned, oldest first."""
    active = Counter(Relay.objects.filter(state=State.ACTIVE).values_list("destination_id", flat=True))
    # One place is left for the other servers: hours of relays to one never delay those to the next.
    most = max(1, settings.POSTHOUSE.relay_workers - 1)
    full = [server for server, count in active.items() if count >= most]
    waiting = Link.objects.filter(next_try_at__gt=Now()).values_list("server_id", flat=True)
    tried = Link.objects.filter(failures__gt=0, server__in=list(active)).values_list("server_id", flat=True)
    return Relay.objects.exclude(destination__in={*full, *waiting, *tried}).order_by("created_at")


def failed(server: UUID, error: str) -> datetime:
    """Note that a call to the server did not get through; return when the next one may be tried."""
    now = timezone.now()
    link, _ = Link.objects.get_or_create(server_id=server, defaults={"next_try_at": now, "last_error": error})
    when = now + delay(link.failures + 1, random.random())  # noqa: S311 - spreads load, guards nothing
    Link.objects.filter(server_id=server).update(failures=F("failures") + 1, next_try_at=when, last_error=error)
    return when


def works(server: UUID) -> None:
    """Note that a call got through: the relays that waited for this server may start."""
    if Link.objects.filter(server_id=server).delete()[0]:
        Relay.objects.filter(
            destination=server, state__in=(State.DEFERRED, State.HELD), next_try_at__gt=timezone.now()
        ).update(next_try_at=timezone.now())
        wake_on_commit()
