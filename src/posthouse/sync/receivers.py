"""What becomes of accounts, copies and runs when servers come and go (M2, D4, R65-R67)."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.dispatch import receiver
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.cluster import signals
from posthouse.cluster.models import Server
from posthouse.cluster.pairing import PairingRefused
from posthouse.jobs.models import State
from posthouse.sync import runs
from posthouse.sync.models import Copy, Hold, Received, Run


@receiver(signals.server_added)
def prepare_copy(server: Server, **_: Any) -> None:
    """Put a new slave OUT OF SYNC: it is not synced before somebody says so (R20, R21)."""
    Copy.objects.update_or_create(
        server=server,
        defaults={
            "status": Copy.Status.OUT_OF_SYNC,
            "reason": Copy._meta.get_field("reason").get_default(),
            "since": timezone.now(),
            "synced_at": None,
            "acknowledged": 0,
            "failures": 0,
            "told": None,
        },
    )


@receiver(signals.server_removed)
def end_copy(server: Server, **_: Any) -> None:
    """End the syncs of a removed server. Homes gives its residents a home that is still there."""
    Run.objects.filter(server=server, state__in=runs.OPEN).update(
        state=State.FAILED,
        fence=F("fence") + 1,  # whoever is at it now may write no more
        last_error=f"{server.name} was removed from the cluster.",
        ended_at=timezone.now(),
        lease_holder="",
        lease_until=None,
    )
    Copy.objects.filter(server=server).delete()
    Hold.objects.filter(server=server).delete()


@receiver(signals.converted)
def keep_administrators(this: Server, master: Server, **_: Any) -> None:
    """Turn this server's administrators into local accounts, which no sync touches, so that they still get in (D4)."""
    administrators = User.objects.filter(role=User.Role.ADMINISTRATOR, removed_at=None)
    if not any(user.is_active and user.has_usable_password() for user in administrators):
        raise PairingRefused(
            f"{this.name} has no active administrator of its own. Make one first: otherwise nobody could get in if the"
            " master never synced."
        )
    administrators.update(local=True)
    Received.objects.all().delete()
    Received.objects.create(master=master)


@receiver(signals.was_reset)
def keep_accounts(this: Server, left: list[Server], **_: Any) -> None:
    """Let all accounts live on here; local ones become ordinary again, unless another account has their name."""
    Received.objects.all().delete()
    User.objects.filter(home__in=left).update(home=this, home_by_hand=False)
    for user in User.objects.filter(local=True, removed_at=None):
        if not User.objects.filter(local=False, removed_at=None, login__iexact=user.login).exists():
            User.objects.filter(pk=user.pk).update(local=False)
