"""Syncs that were stopped before they did anything, until an administrator decides about exactly what they would do."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from posthouse.audit import log as audit
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.sync.comparing import Account, Difference
from posthouse.sync.models import Copy, HeldAccount, Hold

LISTED = 10_000
"""How many of those that change or appear are listed by name. Those that vanish are all listed."""
Fate = HeldAccount.Fate


class Held(Exception):
    """A sync must not go on before somebody has decided; the message says why."""

    def __init__(self, cause: str, message: str, difference: Difference, mark: UUID | None) -> None:
        super().__init__(message)
        self.cause = cause
        self.difference = difference
        self.mark = mark


def allows(server: Server, cause: str, difference: Difference, mark: UUID | None) -> bool:
    """Return whether somebody has approved that these accounts vanish, and if need be what the master's history is.

    What was approved and is half done may be ended: of the accounts that were approved, some are gone already then.
    """
    hold = Hold.objects.filter(server=server).exclude(approved_at=None).first()
    if hold is None or (cause == Hold.Cause.HISTORY and (hold.cause, hold.mark) != (cause, mark)):
        return False
    approved = set(hold.accounts.filter(fate=Fate.VANISHES).values_list("account", flat=True))
    return all(account.id in approved for account in difference.vanishing)


def place(server: Server, held: Held) -> bool:
    """Ask for a decision; False when the same is asked already. Call it in the transaction that ends the run."""
    question = _question(held)
    if Hold.objects.filter(server=server, question=question, approved_at=None).exists():
        return False
    Hold.objects.filter(server=server).delete()
    difference = held.difference
    hold = Hold.objects.create(
        server=server,
        cause=held.cause,
        at=timezone.now(),
        present=difference.present,
        vanishing=len(difference.vanishing),
        changing=len(difference.changing),
        appearing=len(difference.appearing),
        mark=held.mark,
        question=question,
    )
    for fate, accounts in (
        (Fate.VANISHES, difference.vanishing),
        (Fate.CHANGES, difference.changing[:LISTED]),
        (Fate.APPEARS, difference.appearing[:LISTED]),
    ):
        HeldAccount.objects.bulk_create([_row(hold, fate, account) for account in accounts], batch_size=2_000)
    return True


def approve(hold: Hold, question: str, who: audit.Who) -> bool:
    """Let the sync do what `question` stands for; False when it would do something else by now."""
    with transaction.atomic():
        unchanged = Hold.objects.filter(pk=hold.pk, question=question, approved_at=None)
        if not unchanged.update(approved_by=who.name[:200], approved_at=timezone.now()):
            return False
        text = (
            f"The sync of {hold.server.name} was let go on: {hold.vanishing} of {hold.present} accounts vanish there."
        )
        audit.record(who, "sync.approved", text, hold.server)
    return True


def leave(hold: Hold, question: str, who: audit.Who) -> bool:
    """Leave the slave as it is, OUT OF SYNC; False when something else is asked by now."""
    with transaction.atomic():
        if not Hold.objects.filter(pk=hold.pk, question=question, approved_at=None).delete()[0]:
            return False
        reason = f"{who.name} left it as it is. A Sync by hand finds out anew what would happen, and asks again."
        Copy.objects.filter(server_id=hold.pk).update(reason=reason)
        text = f"The sync of {hold.server.name} was not let go on: its accounts stay as they are."
        audit.record(who, "sync.left", text, hold.server)
    return True


def vanishing_text(server: Server, difference: Difference) -> str:
    """Return why many accounts that vanish stop a sync."""
    return (
        f"{len(difference.vanishing)} of the {difference.present} accounts on {server.name} would vanish at once. That"
        " may be a mistake, so nothing was changed. See who they are, and decide."
    )


def history_text(server: Server) -> str:
    """Return why a master that was set back stops a sync."""
    this = servers.this()
    return (
        f"The database of {this.name} seems to be older than the copy on {server.name}: it was restored from a backup,"
        f" and {server.name} has changes that {this.name} does not know. Nothing was changed. Restore a newer backup"
        " and Sync again, or see what would vanish and take the master as it is."
    )


def _row(hold: Hold, fate: str, account: Account) -> HeldAccount:
    return HeldAccount(
        hold=hold,
        fate=fate,
        account=account.id,
        login=account.login[:150],
        name=account.name[:200],
        email=account.email[:254],
    )


def _question(held: Held) -> str:
    hasher = hashlib.sha256(f"{held.cause} {held.mark}".encode())
    for accounts in (held.difference.vanishing, held.difference.changing):
        hasher.update(b"|")
        for account in accounts:
            hasher.update(account.id.bytes)
    return hasher.hexdigest()
