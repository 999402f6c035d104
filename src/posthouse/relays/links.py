"""The way to each other server: back-off belongs to it, not to each relay, so that a dead site costs one try at a time.

While a link fails, its relays wait together; when it is due again, one of them tries, and its success frees the rest.
How many relays run over it at once starts low, grows by one with each that succeeds, and falls back on trouble.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.functions import Least
from django.utils import timezone

from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.relays import turns
from posthouse.relays.decide import delay
from posthouse.relays.models import START, Link, Relay

HEARD_PAUSE = timedelta(seconds=10)
"""After a failed call it is waited for so long before a call from the other side makes us try again."""
LISTEN_SECONDS = 5.0

_heard: dict[UUID, float] = {}


def ensure(servers: Iterable[UUID]) -> None:
    """Make the links to these servers, where there are none yet."""
    Link.objects.bulk_create([Link(server_id=server) for server in servers], ignore_conflicts=True)


def in_trouble(servers: Iterable[UUID]) -> dict[UUID, Link]:
    """Return the links to these servers that fail just now, or are held."""
    found = Link.objects.filter(Q(failures__gt=0) | ~Q(held_by=""), server__in=set(servers))
    return {link.server_id: link for link in found}


def failed(server: UUID, error: str, trouble: str = "", began: datetime | None = None) -> datetime:
    """Note that a call to the server did not get through; return when the next one may be tried.

    Of several attempts that were under way when the line broke, one counts: `began` is when this one did.
    """
    now = timezone.now()
    ensure([server])
    link = Link.objects.get(server=server)
    if began and link.failed_at and link.failed_at >= began and link.next_try_at:
        return link.next_try_at
    when = now + delay(link.failures + 1, random.random())  # noqa: S311 - spreads load, guards nothing
    changed = Link.objects.filter(server=server, failures=link.failures, failed_at=link.failed_at).update(
        failures=F("failures") + 1,
        next_try_at=when,
        last_error=error,
        trouble=trouble,
        failed_at=now,
        since=link.since if link.failures else now,
        probe_at=None,
        window=START,
    )
    if not changed:
        return Link.objects.get(server=server).next_try_at or when
    return when


def works(server: UUID) -> bool:
    """Note that a call got through: the relays that waited for this server may start; whether any had to wait."""
    mended = Link.objects.filter(server=server, failures__gt=0).update(
        failures=0, next_try_at=None, last_error="", trouble="", probe_at=None
    )
    if mended:
        now = timezone.now()
        waiting = Relay.objects.filter(destination=server, state__in=(State.DEFERRED, State.HELD))
        waiting.filter(next_try_at__gt=now).update(next_try_at=now)
        wake_on_commit()
    return bool(mended)


def succeeded(server: UUID) -> None:
    """Note that a relay ended well: the link may bear one more."""
    Link.objects.filter(server=server, failures=0, window__lt=turns.WINDOW_LIMIT).update(
        window=Least(F("window") + 1, Value(turns.WINDOW_LIMIT))
    )


def heard(server: UUID) -> None:
    """Note that the server called here, proven by its signature: if calls to it failed, one is tried now.

    It may be heard without being reachable, so this does not count as success, and is not believed each time.
    """
    now = time.monotonic()
    if now - _heard.get(server, float("-inf")) < LISTEN_SECONDS:
        return
    _heard[server] = now
    knocked(server, timezone.now() - HEARD_PAUSE)


def knocked(server: UUID, failed_before: datetime | None = None) -> None:
    """Have one relay to the server tried now, if calls to it failed."""
    link = Link.objects.filter(server=server, failures__gt=0, next_try_at__gt=timezone.now())
    if failed_before:
        link = link.filter(Q(failed_at=None) | Q(failed_at__lt=failed_before))
    if link.update(next_try_at=timezone.now()):
        _have_one_due(server)
        wake_on_commit()


def _have_one_due(server: UUID) -> None:
    """The relay that tried last waits as long as its link did: it may be the only one."""
    waiting = Relay.objects.filter(destination=server, state__in=(State.DEFERRED, State.HELD), held_by="")
    now = timezone.now()
    first = waiting.filter(next_try_at__gt=now).order_by("next_try_at").values_list("pk", flat=True).first()
    if first is not None:
        Relay.objects.filter(pk=first, next_try_at__gt=now).update(next_try_at=now)
