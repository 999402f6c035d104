"""The Server List as pages and the command line show it: each server with its status in words (R13, R23)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.jobs.models import State
from posthouse.licensing import seats
from posthouse.sync import runs
from posthouse.sync.models import Copy, Hold, Received, Run

Role = Server.Role


@dataclass(frozen=True)
class Entry:
    """A line of the Server List."""

    server: Server
    copy: Copy | None = None
    run: Run | None = None
    received: Received | None = None
    hold: Hold | None = None
    """A sync of it that waits for a decision."""

    @property
    def active(self) -> bool:
        """Whether a sync is under way."""
        return self.run is not None

    @property
    def percent(self) -> int | None:
        """How far the sync is."""
        if self.run is None or not self.run.total:
            return None
        return min(100, self.run.sent * 100 // self.run.total)

    @property
    def status(self) -> str:
        """The word under Status; empty for a server that is never synced."""
        if self.run is not None:
            return "Syncing" if self.run.state == State.ACTIVE else "Waiting to sync"
        if self.copy is not None:
            return self.copy.get_status_display()
        if self.received is not None:
            return "Synced" if self.received.change else "Waiting for its first sync"
        return ""

    @property
    def kind(self) -> str:
        """The colour of the status: ok, busy, wait, error or off."""
        kinds = {"OK": "ok", "Synced": "ok", "Syncing": "busy", "OUT OF SYNC": "error", "": "off"}
        return kinds.get(self.status, "wait")

    @property
    def reason(self) -> str:
        """Why it has this status, or what the last sync failed of."""
        if self.run is not None:
            return self.run.last_error
        if self.copy is None or not self.copy.reason:
            return ""
        failed = self.copy.status == Copy.Status.OK
        return f"The last sync failed: {self.copy.reason}" if failed else self.copy.reason

    @property
    def synced_at(self) -> datetime | None:
        """When a sync succeeded last."""
        if self.copy is not None:
            return self.copy.synced_at
        return self.received.at if self.received is not None and self.received.change else None

    @property
    def troubled(self) -> bool:
        """Whether an administrator should look at it."""
        return self.copy is not None and bool(self.reason or self.copy.status != Copy.Status.OK)


def entries() -> list[Entry]:
    """Return all lines of the Server List, this server's first."""
    this, now = servers.this(), seats.now()
    this.seats_used, this.seats_limit = now.used, now.limit
    return _with_status(this, [this, *servers.others()])


def entry(server: Server) -> Entry:
    """Return one line of it."""
    return _with_status(servers.this(), [server])[0]


def _with_status(this: Server, listed: list[Server]) -> list[Entry]:
    if this.role == Role.MASTER:
        ids = [server.pk for server in listed if not server.is_self]
        copies = {copy.server_id: copy for copy in Copy.objects.filter(server__in=ids)}
        under_way = {run.server_id: run for run in Run.objects.filter(server__in=ids, state__in=runs.OPEN)}
        holds = {hold.pk: hold for hold in Hold.objects.filter(server__in=ids, approved_at=None)}
        return [
            Entry(server, copies.get(server.pk), under_way.get(server.pk), hold=holds.get(server.pk))
            for server in listed
        ]
    received = Received.objects.first() if this.role == Role.SLAVE else None
    return [Entry(server, received=received if server.is_self else None) for server in listed]
