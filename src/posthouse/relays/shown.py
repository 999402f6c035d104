"""How a relay is shown to people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from posthouse.jobs.models import State
from posthouse.relays.models import Link, Relay


@dataclass(frozen=True)
class Line:
    """One relay on the page of a package."""

    relay: Relay
    kind: str
    """Of its badge: ok, busy, wait, error or off."""
    status: str
    error: str
    """What went wrong last, as far as it still matters."""
    next_try_at: datetime | None
    retry: bool
    """Whether asking again makes a difference."""
    cancel: bool

    @property
    def moves(self) -> bool:
        """Whether it may change by itself."""
        return self.relay.state not in {State.DONE, State.FAILED}


def line(relay: Relay, link: Link | None) -> Line:
    """Return how a relay is shown; `link` is the way to its destination, if that fails just now."""
    kind, status = _status(relay)
    waits = relay.state in {State.QUEUED, State.DEFERRED, State.HELD}
    error, next_try_at = relay.last_error, relay.next_try_at
    if waits and link is not None:
        error = link.last_error
        next_try_at = max(filter(None, (next_try_at, link.next_try_at)))
    return Line(
        relay=relay,
        kind=kind,
        status=status,
        error="" if relay.state == State.DONE else error,
        next_try_at=next_try_at if waits else None,
        retry=relay.state == State.FAILED or (waits and next_try_at is not None and not relay.cancelled_by),
        cancel=relay.state not in {State.DONE, State.FAILED} and not relay.cancelled_by,
    )


def _status(relay: Relay) -> tuple[str, str]:
    if relay.cancelled_by:
        return ("off", "Cancelled") if relay.state == State.FAILED else ("wait", "Cancelling")
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
