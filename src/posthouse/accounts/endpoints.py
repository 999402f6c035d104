"""What slaves ask of the master on behalf of the people who live there (D5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from posthouse.accounts import own, preferences, resets
from posthouse.accounts.models import User
from posthouse.cluster import servers
from posthouse.cluster.errors import Kind, Refusal
from posthouse.cluster.incoming import document, require_same_version, signed
from posthouse.cluster.models import Server
from posthouse.cluster.signatures import Caller

LIMIT = 16 * 1024
WISHES = ({"name"}, {"present", "password"}, set(preferences.NAMES))

log = structlog.get_logger("posthouse.accounts")


@require_POST
@signed(LIMIT)
@sensitive_variables("wish")
def own_change(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Change a user's own name, password or preferences, and answer with it as it is now, or with errors by field.

    Only a user's home server may ask. The call may be repeated: a password that is already so is no error.
    """
    require_same_version(caller)
    _require_master()
    this = servers.this()
    user_id, wish = _question(request)
    user = User.objects.able().filter(pk=user_id, local=False).first()
    if user is None:
        raise Refusal(404, f"{this.name} has no such account, or it is not active.", code="user")
    if user.home_id != caller.server.id:
        raise Refusal(403, f"{caller.server.name} is not this user's home server, so it changes nothing.", code="home")
    about = own.kind(wish)
    try:
        own.change_here(user, wish)
    except ValidationError as error:
        if not ("present" in error.error_dict and _is_so_already(user, wish)):
            return {"errors": error.message_dict}
    log.info("own change", user=str(user.pk), about=about, caller=caller.server.name)
    values = {name: getattr(user, name) for name in own.FIELDS[about]}
    # Not as Django writes times into JSON: that drops microseconds, and the two copies would differ.
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


@require_POST
@signed(LIMIT)
def forgot(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Have a link sent to whoever has forgotten his password; the answer tells nothing."""
    require_same_version(caller)
    _require_master()
    who = document(request).get("who")
    if not isinstance(who, str) or len(who) > resets.LONGEST:
        raise Refusal(400, "The question does not say who has forgotten his password.")
    resets.write_down(who)
    return {}


@require_POST
@signed(LIMIT)
@sensitive_variables("question", "secret", "password")
def choose(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Set a password by a link, and answer with it as it is stored; without one, tell whether the link is good."""
    require_same_version(caller)
    _require_master()
    question = document(request)
    secret, password = question.get("secret"), question.get("password")
    if not isinstance(secret, str) or not isinstance(password, str | None):
        raise Refusal(400, "The question does not name a link.")
    if password is None:
        return {"good": resets.is_good_here(secret)}
    chosen = resets.choose_here(secret, password)
    if chosen.user is None:
        return {"errors": list(chosen.errors)}
    user = chosen.user
    at = user.password_at.isoformat() if user.password_at else None
    return {"user": str(user.pk), "password": user.password, "password_at": at}


def _require_master() -> None:
    this = servers.this()
    if this.role != Server.Role.MASTER:
        raise Refusal(409, f"{this.name} is not the master: accounts are not kept here.", Kind.ADMINISTRATOR, "role")


def _question(request: HttpRequest) -> tuple[UUID, own.Wish]:
    question = document(request)
    user, wish = question.get("user"), question.get("wish")
    if isinstance(wish, dict) and set(wish) in WISHES and all(isinstance(value, str) for value in wish.values()):
        try:
            return UUID(user), wish
        except (ValueError, TypeError, AttributeError):
            pass
    raise Refusal(400, "The question does not name a user and what should become so.")


@sensitive_variables("wish")
def _is_so_already(user: User, wish: own.Wish) -> bool:
    """Whether the call was carried out before: its answer was lost, and the slave makes it again."""
    user.refresh_from_db(fields=["password", "password_at"])
    return check_password(wish["password"], user.password)
