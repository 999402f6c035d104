"""How a relay is shown to people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posthouse.jobs.models import State
from posthouse.relays import troubles
from posthouse.relays.models import Link, Relay

WAITING = {State.QUEUED, State.DEFERRED, State.HELD}
ENDED = {State.DONE, State.FAILED}


@dataclass(frozen=True)
class Line:
    """One relay on a page."""

    relay: Relay
    kind: str
    """Of its badge: ok, busy, wait, error or off."""
    status: str
    error: str
    """What went wrong last, as far as it still matters."""
    cure: str
    """What helps."""
    next_try_at: datetime | None
    rate: float | None
    """Bytes per second in this attempt, while it runs."""
    left: float | None
    """Seconds until all is there, if it goes on like that."""
    retry: bool
    """Whether asking again makes a difference."""
    cancel: bool
    hold: bool
    """Whether an administrator may hold it."""
    release: bool
    """Whether an administrator may release it."""

    @property
    def moves(self) -> bool:
        """Whether it may change by itself."""
        return self.relay.state not in ENDED and not self.relay.held_by


def line(relay: Relay, link: Link | None) -> Line:
    """Return how a relay is shown; `link` is the way to its destination, if that fails just now or is held."""
    kind, status = _status(relay)
    waits = relay.state in WAITING
    error, code, next_try_at = relay.last_error, relay.trouble, relay.next_try_at
    if relay.held_by:
        error, code = f"Held by {relay.held_by} until an administrator releases it.", ""
    elif waits and link is not None and link.held_by:
        kind, status = "off", "Held"
        error, code, next_try_at = f"All relays to this server are held by {link.held_by}.", "", None
    elif waits and link is not None:
        error, code = link.last_error, link.trouble
        next_try_at = max(filter(None, (next_try_at, link.next_try_at)), default=None)
    elif relay.state == State.DONE:
        error, code = "", ""
    trouble = troubles.TABLE.get(code)
    rate = _rate(relay)
    return Line(
        relay=relay,
        kind=kind,
        status=status,
        error=error,
        cure=trouble.cure if trouble and not relay.cancelled_by else "",
        next_try_at=next_try_at if waits else None,
        rate=rate,
        left=max(relay.size - relay.done, 0) / rate if rate else None,
        retry=relay.state == State.FAILED
        or (waits and next_try_at is not None and not relay.cancelled_by and not relay.held_by),
        cancel=relay.state not in ENDED and not relay.cancelled_by,
        hold=relay.state not in ENDED and not relay.cancelled_by and not relay.held_by,
        release=relay.state == State.HELD and bool(relay.held_by),
    )


def _rate(relay: Relay) -> float | None:
    if relay.state != State.ACTIVE or relay.started_at is None:
        return None
    seconds = (relay.updated_at - relay.started_at).total_seconds()
    sent = relay.done - relay.begun
    return sent / seconds if seconds >= 1 and sent > 0 else None


def _status(relay: Relay) -> tuple[str, str]:
    if relay.cancelled_by:
        return ("off", "Cancelled") if relay.state == State.FAILED else ("wait", "Cancelling")
    if relay.held_by:
        return "off", "Held"
    match State(relay.state):
        case State.ACTIVE:
            return "busy", "Relaying"
        case State.DONE:
            return "ok", "Complete"
        case State.FAILED:
            return "error", "Error"
        case State.HELD:
            return "error", "Needs an administrator"
        case State.QUEUED | State.DEFERRED:
            return "wait", "Waiting"
