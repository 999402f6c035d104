"""What slaves ask of the master: whether the password of somebody of a directory is right (M6), and which there are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.incoming import document, require_same_version, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller
from posthouse.directory import signing, tries
from posthouse.directory.models import Connection
from posthouse.directory.signing import TOO_OFTEN, WRONG, Verdict, Word

LIMIT = 16 * 1024

log = structlog.get_logger("posthouse.directory")


@require_POST
@signed(LIMIT)
@sensitive_variables("password")
def check(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Say whether this is the password of a user who lives at the caller, or of an administrator.

    Without a user, the directory is asked all the same: the answer tells whether it is there.
    """
    _only_here(caller)
    user_id, password = _question(request)
    user = None if user_id is None else _user(user_id, caller)
    verdict = _check(user, password)
    log.info("password checked", user=str(user_id or ""), caller=caller.server.name, answer=verdict.word.value)
    return {"answer": verdict.word.value, "text": verdict.text}


@require_POST
@signed(LIMIT)
def names(request: HttpRequest, caller: Caller) -> dict[str, Any]:  # noqa: ARG001 - the shape of a view
    """Say which directories there are: a slave may have connections of its own to them."""
    _only_here(caller)
    found = Connection.objects.order_by("name").values_list("pk", "name")
    return {"directories": [{"id": str(pk), "name": name} for pk, name in found]}


@sensitive_variables("password")
def _check(user: User | None, password: str) -> Verdict:
    if user is not None and not tries.may_try(user.login):
        return Verdict(Word.WRONG, TOO_OFTEN)
    connection = signing.connection_for(user)
    if connection is None:
        return signing.NOBODY_SAYS if user is not None else WRONG
    verdict = signing.check(connection, user, password or "-")
    if user is not None and verdict.word == Word.WRONG:
        tries.failed(user.login)
    if user is not None and verdict.word == Word.YES:
        tries.succeeded(user.login)
    return verdict


def _only_here(caller: Caller) -> None:
    require_same_version(caller)
    this = servers.this()
    if this.role != Server.Role.MASTER:
        raise Refusal(409, f"{this.name} is not the master: it knows no directory.", Kind.ADMINISTRATOR, "role")


def _user(user_id: UUID, caller: Caller) -> User:
    user = User.objects.able().filter(pk=user_id, local=False, directory__isnull=False).first()
    if user is None:
        raise Refusal(404, "There is no such user of a directory, or it is not active.", code="user")
    if user.home_id != caller.server.id and not user.is_administrator:
        raise Refusal(403, f"{caller.server.name} is not this user's home server, so it asks in vain.", code="home")
    return user


@sensitive_variables("password")
def _question(request: HttpRequest) -> tuple[UUID | None, str]:
    question = document(request)
    user, password = question.get("user"), question.get("password")
    try:
        if isinstance(user, str) and isinstance(password, str) and (password or not user) and len(password) <= 1024:
            return UUID(user) if user else None, password
    except ValueError:
        pass
    raise Refusal(400, "The question does not name a user and a password.")
