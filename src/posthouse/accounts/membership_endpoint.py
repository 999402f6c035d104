"""What slaves ask of the master on behalf of whoever administers a workgroup there (M7)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.http import HttpRequest
from django.views.decorators.http import require_POST

from posthouse.accounts import membership, workgroups
from posthouse.accounts.models import User, Workgroup
from posthouse.audit.log import Who
from posthouse.cluster import servers
from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.incoming import document, require_same_version, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller

LIMIT = 1024 * 1024

log = structlog.get_logger("posthouse.accounts")


@require_POST
@signed(LIMIT)
def change(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Change the members of a workgroup, and answer with who came and who went: {added, removed}.

    The call is {workgroup, by, add, remove}, all of them ids. Whoever wants it must be allowed to, as the master has
    it, and live at the calling server, unless he is an administrator, who may work at any. The call may be repeated:
    who is in it already is not added again.
    """
    require_same_version(caller)
    this = servers.this()
    if this.role != Server.Role.MASTER:
        raise Refusal(409, f"{this.name} is not the master: workgroups are not kept here.", Kind.ADMINISTRATOR, "role")
    group_id, by_id, wanted = _question(document(request))
    by = User.objects.able().filter(pk=by_id, local=False).first()
    group = Workgroup.objects.filter(pk=group_id, removed_at=None).first()
    if by is None or group is None:
        raise Refusal(404, f"{this.name} has no such workgroup or account any more.", code="workgroup")
    if by.home_id != caller.server.id and not by.is_administrator:
        raise Refusal(403, f"{caller.server.name} is not this user's home server, so it changes nothing.", code="home")
    if not workgroups.leads(by, group):
        raise Refusal(403, f"{by} is no administrator of {group.name}.", code="leads")
    membership.change_here(group, wanted, Who(str(by), by.pk), caller.server.name)
    log.info("members changed", workgroup=str(group.pk), by=str(by.pk), caller=caller.server.name)
    # All that was wanted and is so now: the slave may lack what the master has had for long.
    inside = set(membership.inside(group, [*wanted.add, *wanted.remove]))
    added = [str(one) for one in wanted.add if one in inside]
    return {"added": added, "removed": [str(one) for one in wanted.remove if one not in inside]}


def _question(found: dict[str, Any]) -> tuple[UUID, UUID, membership.Change]:
    try:
        add, remove = ([UUID(one) for one in found[name]] for name in ("add", "remove"))
        group, by = UUID(found["workgroup"]), UUID(found["by"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal(400, "The question does not name a workgroup and people.") from error
    if len(add) + len(remove) > membership.MOST:
        raise Refusal(400, f"At most {membership.MOST} people can be changed at once.")
    return group, by, membership.Change(add, remove)
