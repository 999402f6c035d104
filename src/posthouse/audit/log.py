"""Writing the audit log.

    log.record(log.who(request), "server.removed", f"{server.name} was removed.", server)

Call it in the transaction of what it tells: then it is in the log if, and only if, it was done. Texts hold no secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.http import HttpRequest

from posthouse.audit.models import Event


@dataclass(frozen=True)
class Who:
    """Who did something, and from which IP address."""

    name: str
    id: UUID | None = None
    address: str = ""


SERVER = Who("this server")
COMMAND_LINE = Who("command line")


def who(request: HttpRequest) -> Who:
    """Return who sent a request; a visitor without an account is told by his address alone."""
    address = request.META.get("REMOTE_ADDR", "")
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Who("visitor", None, address)
    return Who(str(user), user.pk, address)


def record(actor: Who, action: str, text: str, subject: Model | None = None) -> None:
    """Write one event. `subject` is the row it was done to, whose key is a UUID; its model's name tells its kind."""
    Event.objects.create(
        action=action,
        text=text,
        actor_id=actor.id,
        actor=actor.name[:200],
        address=actor.address,
        subject_kind=subject._meta.model_name or "" if subject else "",
        subject_id=subject.pk if subject else None,
    )
