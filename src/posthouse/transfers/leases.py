"""Who may write to an upload: one connection at a time.

A client whose line was cut comes back while the server still waits for bytes on the dead connection. So a newcomer
may ask the holder to let go: he sets `let_go` and waits. The holder looks at it twice a second, makes durable what
came, and gives the lease back. A holder whose process died gives nothing back: his lease ends by itself, sooner than
the newcomer's patience. Each claim raises the fencing number, and every later write names it, so a holder who was
only frozen finds out, and records nothing any more.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from posthouse.lib.threads import in_thread
from posthouse.transfers.errors import Busy, Gone, NotFound
from posthouse.transfers.models import Upload

LEASE = timedelta(seconds=10)
PATIENCE_SECONDS = 12.0
LOOK_SECONDS = 0.1


class LostLease(Exception):
    """Somebody else writes to the upload now, or it has been removed."""


@dataclass(frozen=True)
class Lease:
    """The right to write to one upload, until it is released or lost."""

    upload: UUID
    fence: int

    def renew(self) -> bool:
        """Hold it for longer. Return whether a newcomer asks to let go. Raises LostLease. Blocks."""
        return self._update()

    def progress(self, offset: int) -> bool:
        """Note that the bytes before `offset` are durable, and hold the lease for longer; otherwise like `renew`."""
        return self._update(offset=offset, expires_at=expiry())

    def asked_to_let_go(self) -> bool:
        """Return whether a newcomer asks to let go. Raises LostLease. Blocks."""
        asked = self._row().values_list("let_go", flat=True).first()
        if asked is None:
            raise LostLease
        return asked

    def release(self) -> None:
        """Give it back; nothing happens if it was lost. Blocks."""
        self._row().update(lease_holder="", lease_until=None, let_go=False)

    def _update(self, **fields: object) -> bool:
        if not self._row().update(lease_until=timezone.now() + LEASE, **fields):
            raise LostLease
        return self.asked_to_let_go()

    def _row(self) -> QuerySet[Upload]:
        return Upload.objects.filter(id=self.upload, fence=self.fence).exclude(lease_holder="")


def expiry() -> datetime:
    """Return when an upload that makes progress now is given up if it makes no more."""
    return timezone.now() + timedelta(days=settings.POSTHOUSE.upload_days)


def claim(upload: UUID) -> Lease | None:
    """Take the lease if nobody holds it, else ask the holder to let go and return None. Blocks.

    Raises NotFound for an upload that is not there and Gone for one that has been given up.
    """
    now = timezone.now()
    row = Upload.objects.filter(id=upload, expires_at__gt=now)
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    holder = secrets.token_hex(8)
    if row.filter(free).update(lease_holder=holder, lease_until=now + LEASE, fence=F("fence") + 1, let_go=False):
        fence = Upload.objects.filter(id=upload, lease_holder=holder).values_list("fence", flat=True).first()
        return Lease(upload, fence) if fence is not None else None
    if not row.update(let_go=True):
        raise Gone if Upload.objects.filter(id=upload).exists() else NotFound
    return None


def ask_to_let_go(upload: Upload) -> bool:
    """Ask whoever writes to the upload to stop; return False if nobody does. Blocks."""
    now = timezone.now()
    return bool(Upload.objects.filter(id=upload.id, lease_until__gt=now).update(let_go=True))


async def acquire(upload: UUID, patience: float = PATIENCE_SECONDS) -> Lease:
    """Take the lease, waiting up to `patience` seconds for its holder to let go.

    Raises Busy when he does not, and what `claim` raises.
    """
    end = asyncio.get_running_loop().time() + patience
    while True:
        lease = await in_thread(claim, upload)
        if lease:
            return lease
        if asyncio.get_running_loop().time() >= end:
            raise Busy
        await asyncio.sleep(LOOK_SECONDS)
