"""Changing who is in a workgroup. It is allowed on slaves too, and carried out at the master (M7).

On a slave the master is asked by a signed call, and decides. What it did is written here at once; the sync that follows
brings the same. Until the master has answered nothing is changed anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.db import transaction

from posthouse.accounts import access, workgroups
from posthouse.accounts.models import Membership, User, Workgroup
from posthouse.audit import log as audit
from posthouse.audit.log import Who
from posthouse.cluster import calls, servers
from posthouse.cluster.errors import Broken, CallError, Kind
from posthouse.cluster.models import Server

BATCH = 500
MOST = 10_000
"""People in one change."""
TIMEOUT_SECONDS = 30.0

log = structlog.get_logger("posthouse.accounts")


class NotChanged(Exception):
    """Nothing was changed, or it is not known; the message says why and what to do."""


@dataclass(frozen=True)
class Change:
    """Who comes into a workgroup, and who goes."""

    add: Sequence[UUID] = field(default=())
    remove: Sequence[UUID] = field(default=())


def change(by: User, group: Workgroup, wanted: Change, who: Who) -> Change:
    """Change the members of a workgroup, here and at the master, and return whom that concerned; `who` is for the log.

    Raises NotChanged. On a slave it must not be called in a transaction, which would wait for the network.
    """
    if not workgroups.leads(by, group):
        raise NotChanged(f"You may not change who is in {group.name}. Ask one of its administrators.")
    if len(wanted.add) + len(wanted.remove) > MOST:
        raise NotChanged(f"At most {MOST:,} people can be added or removed at once. Do it in several steps.")
    master = access.keeper()
    if master is None:
        return change_here(group, wanted, who)
    return change_here(group, _ask(master, by, group, wanted), who)


def change_here(group: Workgroup, wanted: Change, who: Who, asked_at: str = "") -> Change:
    """Change the members of a workgroup on this server, write it into the log, and return whom that concerned.

    `asked_at` names the server at which somebody did it, if it is another one.
    """
    with transaction.atomic():
        already = set(inside(group, [*wanted.add, *wanted.remove]))
        added = sorted(_able(wanted.add) - already)
        removed = sorted(already & (set(wanted.remove) - set(wanted.add)))
        # Somebody may add the same person at this moment.
        rows = [Membership(user_id=pk, workgroup=group) for pk in added]
        Membership.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
        for some in _batches(removed):
            Membership.objects.filter(workgroup=group, user__in=some).delete()
        if added or removed:
            where = f", at {asked_at}" if asked_at else ""
            text = f"{len(added):,} added to the workgroup {group.name}, {len(removed):,} removed{where}."
            audit.record(who, "workgroup.members", text, group)
    return Change(added, removed)


def inside(group: Workgroup, ids: Sequence[UUID]) -> list[UUID]:
    """Return which of these people are in a workgroup."""
    mine = Membership.objects.filter(workgroup=group)
    return [pk for some in _batches(ids) for pk in mine.filter(user__in=some).values_list("user_id", flat=True)]


def _able(ids: Sequence[UUID]) -> set[UUID]:
    able = User.objects.able().filter(local=False)
    return {pk for some in _batches(ids) for pk in able.filter(pk__in=some).values_list("pk", flat=True)}


def _batches(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[at : at + BATCH] for at in range(0, len(ids), BATCH))


def _ask(master: Server, by: User, group: Workgroup, wanted: Change) -> Change:
    if master.is_self:
        raise NotChanged(f"{master.name} is a slave and does not know its master yet. Tell an administrator.")
    question = {
        "workgroup": str(group.pk),
        "by": str(by.pk),
        "add": _texts(wanted.add),
        "remove": _texts(wanted.remove),
    }
    try:
        answer = calls.call(master, "POST", "accounts/members", json=question, timeout=TIMEOUT_SECONDS).json()
        return Change([UUID(one) for one in answer["added"]], [UUID(one) for one in answer["removed"]])
    except CallError as error:
        log.warning("members not changed", workgroup=str(group.pk), master=master.name, reason=error.message)
        raise NotChanged(_sentence(error, master.name, group.name)) from error


def _texts(ids: Sequence[UUID]) -> list[str]:
    return [str(one) for one in ids]


def _sentence(error: CallError, master: str, group: str) -> str:
    here = servers.this().name
    if isinstance(error, Broken):
        return (
            f"The line to the master, {master}, broke before its answer came, so {here} does not know whether the"
            f" members of {group} changed. Do the same again in a few minutes."
        )
    if error.kind == Kind.TEMPORARY:
        return (
            f"The members of {group} were not changed: the master, {master}, which keeps all workgroups, cannot be"
            " reached now. Try again in a few minutes."
        )
    return f"The members of {group} were not changed. The master, {master}, says: {error.message}"
