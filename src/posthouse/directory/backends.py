"""Log-in by a directory, beside the log-in by a password that is stored here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from posthouse.accounts import access, backends
from posthouse.accounts.models import User
from posthouse.cluster import calls, servers
from posthouse.cluster.errors import CallError
from posthouse.cluster.models import Server
from posthouse.directory import signing, tries
from posthouse.directory.signing import TOO_OFTEN, WRONG, WRONG_HERE, Verdict, Word

TIMEOUT_SECONDS = 25.0
"""For the master to ask a directory whose servers may be slow to answer."""

log = structlog.get_logger("posthouse.directory")


class DirectoryBackend(backends.PasswordBackend):
    """Asks a directory for those whose accounts come from it: directly, or through the master (M6)."""

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user of a directory with this name and password, or None; then say why on the log-in page."""
        if not username or not password or not _any():
            return None
        if not tries.may_try(username):
            backends.say(request, TOO_OFTEN)
            return None
        named = User.objects.named(username).filter(is_active=True, local=False, directory__isnull=False)
        user = named.select_related("home").first()
        verdict = _ask(user, password)
        if verdict.word == Word.YES:
            tries.succeeded(username)
            return user
        if verdict.word == Word.WRONG:
            tries.failed(username)
        backends.say(request, verdict.text)
        return None


def _any() -> bool:
    """Return whether anybody here comes from a directory."""
    return User.objects.filter(directory__isnull=False, local=False).exists()


@sensitive_variables("password")
def _ask(user: User | None, password: str) -> Verdict:
    connection = signing.connection_for(user)
    if connection is not None:
        return signing.check(connection, user, password)
    master = servers.master()
    if servers.this().role == Server.Role.SLAVE and master is not None:
        # The password of somebody who lives elsewhere is none of this server's business: it goes nowhere.
        here = None if user is None or access.elsewhere(user) else user
        verdict = _ask_master(master, here, password)
        return verdict if verdict.text or verdict.word != Word.WRONG else Verdict(Word.WRONG, WRONG_HERE)
    return signing.NOBODY_SAYS if user is not None else WRONG


@sensitive_variables("password", "question")
def _ask_master(master: Server, user: User | None, password: str) -> Verdict:
    question = {"user": str(user.pk) if user else "", "password": password if user else ""}
    try:
        answer = calls.call(master, "POST", "directory/check", json=question, timeout=TIMEOUT_SECONDS).json()
        return Verdict(Word(answer["answer"]), str(answer["text"]))
    except (CallError, KeyError, ValueError) as error:
        log.warning("the master cannot be asked for a password", master=master.name, reason=str(error))
        return signing.NOBODY_SAYS


def directories_of_master() -> tuple[dict[UUID, str], str]:
    """Return the names of the master's directories by their identity, and a sentence when there are none."""
    master = servers.master()
    if master is None:
        return {}, "This server does not know its master yet. Sync it first."
    try:
        answer = calls.call(master, "POST", "directory/names", json={}).json()
        found = {UUID(each["id"]): str(each["name"]) for each in answer["directories"]}
    except (CallError, KeyError, TypeError, ValueError) as error:
        return {}, f"{master.name}, which knows the directories, cannot be asked now. {error}"
    return found, "" if found else f"{master.name} has no directory. Connect it there first."
