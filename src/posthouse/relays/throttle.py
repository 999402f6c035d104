"""The bandwidth that is set, kept by all relays of all workers together.

Each worker has a share of the limit for a few seconds, which it renews each second while it relays: the shares of all
never come to more than the limit, whoever else starts or dies. What one does not use the others get.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from posthouse.relays.models import LinkLimit, RateSample, RateShare, RelayLimits
from posthouse.relays.rate import HOURS, MBIT, Claim, Plan, grant
from posthouse.relays.valve import Valve, Valves

LOOK_SECONDS = 1.0
LEASE = timedelta(seconds=5)
KEEP = timedelta(minutes=10)
HEADROOM = 1.5
"""Who used less than its share gets so much more than it used, to be able to grow."""
LEAST = 64 * 1024.0


def limits() -> RelayLimits:
    """Return what is set."""
    return RelayLimits.objects.first() or RelayLimits()


def plan(found: RelayLimits) -> Plan:
    """Return what is set, in bytes per second."""
    marked = frozenset(hour for hour in range(HOURS) if found.marked[hour : hour + 1] == "1")
    rates = [None if one is None else float(one) * MBIT for one in (found.bandwidth, found.other_bandwidth)]
    return Plan(rates[0], rates[1], marked)


def allowed(now: datetime) -> float | None:
    """Return what all relays of this server may send at this moment, in bytes per second."""
    found = limits()
    return plan(found).at(now.astimezone(ZoneInfo(found.zone)))


class Throttle:
    """The valves of this process."""

    def __init__(self, holder: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.holder = holder
        self._clock = clock
        self._server = Valve()
        self._links: dict[UUID, Valve] = {}
        self._looked_at = float("-inf")
        self._passed: dict[UUID | None, int] = {}
        self._lock = Lock()

    def gate(self, server: UUID) -> Valves:
        """Return what the streams to a server go through."""
        with self._lock:
            return Valves(self._links.setdefault(server, Valve()), self._server)

    def look(self) -> None:
        """Read the settings, renew the shares and note what was sent, if a second has passed. Called by all relays."""
        now = self._clock()
        if now - self._looked_at < LOOK_SECONDS or not self._lock.acquire(blocking=False):
            return
        try:
            seconds = min(now - self._looked_at, 60.0)
            self._looked_at = now
            self._keep(seconds)
        finally:
            self._lock.release()

    def _keep(self, seconds: float) -> None:
        moment = timezone.now()
        links = {limit.server_id: float(limit.bandwidth) * MBIT for limit in LinkLimit.objects.all()}
        whole = allowed(moment)
        sent = self._sent(None, self._server, seconds)
        with transaction.atomic():
            _lock()
            RateSample.objects.filter(at__lt=moment - KEEP).delete()
            RateSample.objects.create(at=moment, sent=sent, allowed=whole)
            shares = {self._server: self._share("", whole, sent, moment)}
            for server, valve in self._links.items():
                used = self._sent(server, valve, seconds)
                if server in links:
                    shares[valve] = self._share(str(server), links[server], used, moment)
                else:
                    shares[valve] = None
        for valve, share in shares.items():
            valve.set(share)

    def _sent(self, link: UUID | None, valve: Valve, seconds: float) -> float:
        before, self._passed[link] = self._passed.get(link, 0), valve.passed
        return (valve.passed - before) / max(seconds, 0.1)

    def _share(self, link: str, limit: float | None, sent: float, moment: datetime) -> float | None:
        """Take a share of the limit until the lease ends, and return it. Call it where the settings are locked."""
        living = list(RateShare.objects.filter(link=link).order_by("holder"))
        mine = next((row for row in living if row.holder == self.holder), None)
        others = [Claim(row.share, row.wants) for row in living if row.holder != self.holder and row.until > moment]
        share = None
        wants: float | None = None
        if limit is not None:
            if mine is not None and sent < 0.8 * mine.share:
                wants = max(LEAST, sent * HEADROOM)
            share = grant(limit, wants, others)
        values = {"share": share or 0.0, "wants": wants, "sent": sent, "until": moment + LEASE}
        RateShare.objects.update_or_create(holder=self.holder, link=link, defaults=values)
        RateShare.objects.filter(link=link, until__lt=moment - LEASE).delete()
        return share


def _lock() -> None:
    """Wait for others that take their share: each must see what the one before has taken."""
    if RelayLimits.objects.select_for_update().first() is None:
        RelayLimits.objects.bulk_create([RelayLimits(pk=1)], ignore_conflicts=True)
        RelayLimits.objects.select_for_update().first()


here = Throttle(f"{socket.gethostname()[:40]}-{os.getpid()}")
"""That of this process."""
