"""`posthouse createadmin` and `unlock`: somebody can get in, also when the master never answers."""

from __future__ import annotations

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError, transaction

from posthouse.accounts import lockout, people
from posthouse.accounts.models import User
from posthouse.accounts.security import SignIn
from posthouse.audit import log as audit
from posthouse.cli.errors import Stop
from posthouse.cluster import servers
from posthouse.cluster.models import Server
from posthouse.config.database import reach


def create(login: str, name: str, email: str, password: str) -> str:
    """Make an administrator and return a sentence that says what was made. Raises Stop with what is not allowed.

    On a slave the account is a local one: accounts of the domain are made on the master only.
    """
    try:
        reach()
        local = servers.this().role == Server.Role.SLAVE
        role = User.Role.ADMINISTRATOR
        with transaction.atomic():
            made = people.create(login=login, name=name, email=email, password=password, role=role, local=local)
            audit.record(audit.COMMAND_LINE, "account.made", f"The account of {made} was made: administrator.", made)
    except ValidationError as error:
        raise Stop(_sentences(error)) from error
    except DatabaseError as error:
        raise Stop(f"The database cannot be used: {str(error).strip()}") from error
    where = " It is a local account of this server: the master does not know it." if local else ""
    return f"{login} is an administrator now.{where}"


def unlock(login: str | None, *, networks: bool) -> str:
    """Undo lock-outs, or the limit to networks, and return a sentence that says what was done. Raises Stop."""
    try:
        reach()
        with transaction.atomic():
            if networks:
                SignIn.objects.update(networks="", administrator_networks="")
                text = "People can log in from every network."
            elif login is None:
                text = f"{lockout.unlock_all()} user names and addresses with wrong passwords can be tried again."
            else:
                locked = lockout.unlock(login)
                text = f"{login} can log in again." if locked else f"{login} was not locked."
            audit.record(audit.COMMAND_LINE, "account.unlocked", text)
    except DatabaseError as error:
        raise Stop(f"The database cannot be used: {str(error).strip()}") from error
    return text


def _sentences(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return "\n".join(
        " ".join(messages) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(messages)}"
        for field, messages in error.message_dict.items()
    )
