"""Who types his password at the wrong server is handed over to his home server, and need not type it again (M1, D3).

The wrong server makes no session. It writes a letter to the home server (signed, for one use, for 60 seconds; see
cluster.letters), which names the user and seals the password that he has proven to know: if the home server holds
another one, because it was changed and a sync is still under way, the letter lets nobody in. The person's browser
carries the letter as a hidden field of a form, so it stands in no address, no history and no log.

The form is posted from one server's page to another server, so Django's CSRF token cannot protect the log-in that it
causes. What it would protect against is that somebody is logged in, unknowingly, to the account of another person who
reads later what he does there. That person can write no letter, only get one for himself, by typing his own password,
and would have to make his victim's browser post it within the minute. So a letter is taken only from a page of the
server that wrote it: browsers say in the Origin header, which no page can forge, where a form stood. Whoever comes from
elsewhere types his password here, which is no loss. All other sites' forms stay protected as ever, because session
cookies are SameSite=Lax, and because this log-in is the only thing that the address does.

Administrators are never handed over: they log in everywhere. So no server can make itself one of them elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

from posthouse.accounts import access
from posthouse.accounts.models import User
from posthouse.cluster import letters, servers
from posthouse.cluster.models import Server

PURPOSE = "hand-over"

log = structlog.get_logger("posthouse.accounts")


class Refused(Exception):
    """Somebody is not let in by a hand-over; the message is a sentence for him."""


@dataclass(frozen=True)
class Arrival:
    """Somebody who may be logged in here."""

    user: User
    writer: str
    """The name of the server that handed him over."""
    goal: str
    """The path of the page that he had asked for; empty for none."""


def give(user: User, home: Server, goal: str = "") -> str:
    """Return the letter that logs a user in at his home server, after his password was found to be right.

    `goal` is the path of the page here that he had asked for.
    """
    log.info("handed over", user=str(user.pk), to=home.name)
    return letters.write(home, PURPOSE, content(user, goal))


def content(user: User, goal: str = "") -> dict[str, Any]:
    """Return what a letter says about a user."""
    prefix = settings.POSTHOUSE.prefix
    inside = goal.removeprefix(prefix) if goal.startswith(f"{prefix}/") else ""
    return {"user": str(user.pk), "password": _seal(user), "goal": inside}


def take(letter: str, origin: str) -> Arrival:
    """Return who may be logged in by a letter that came from a page of `origin`. Raises Refused."""
    try:
        found = letters.read(letter, PURPOSE)
    except letters.LetterRefused as refusal:
        raise Refused(str(refusal)) from refusal
    try:
        user, goal = _admit(found, origin)
    except Refused as refusal:
        log.warning("hand-over refused", writer=found.writer.name, reason=str(refusal))
        raise
    log.info("taken over", user=str(user.pk), writer=found.writer.name)
    return Arrival(user, found.writer.name, goal)


def _admit(letter: letters.Letter, origin: str) -> tuple[User, str]:
    writer, here = letter.writer.name, servers.this().name
    if origin.lower() not in servers.origins(letter.writer):
        raise Refused(f"You did not come from a page of {writer} by one of the addresses that the Server List has.")
    try:
        user_id, sealed = UUID(letter.content["user"]), letter.content["password"].encode()
        inside = str(letter.content["goal"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{writer} and {here} do not run the same version, and do not understand one another.") from error
    user = User.objects.able().filter(pk=user_id, local=False).select_related("home").first()
    if user is None:
        raise Refused(f"{here} does not have your account, or it is not active. Ask an administrator.")
    if user.is_administrator:
        raise Refused(f"You are an administrator now on {here}. Administrators log in on each server by themselves.")
    home = access.elsewhere(user)
    if home is not None:
        raise Refused(f"Your home server is {home.name} now, no longer {here}.")
    if not hmac.compare_digest(_seal(user).encode(), sealed):
        raise Refused(f"{writer} and {here} do not have the same password of yours: it was changed a moment ago.")
    goal = settings.POSTHOUSE.prefix + inside
    safe = inside.startswith("/") and url_has_allowed_host_and_scheme(goal, allowed_hosts=None)
    return user, goal if safe else ""


def _seal(user: User) -> str:
    """Return what is the same on two servers only if they hold the same password; nothing can be learned from it."""
    return hashlib.sha256(b"posthouse hand-over\n" + user.password.encode()).hexdigest()
