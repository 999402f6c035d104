"""`posthouse createadmin`: somebody who can get in, also when the master never answers."""

from __future__ import annotations

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import DatabaseError

from posthouse.accounts import people
from posthouse.accounts.models import User
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
        people.create(login=login, name=name, email=email, password=password, role=User.Role.ADMINISTRATOR, local=local)
    except ValidationError as error:
        raise Stop(_sentences(error)) from error
    except DatabaseError as error:
        raise Stop(f"The database cannot be used: {str(error).strip()}") from error
    where = " It is a local account of this server: the master does not know it." if local else ""
    return f"{login} is an administrator now.{where}"


def _sentences(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return "\n".join(
        " ".join(messages) if field == NON_FIELD_ERRORS else f"{field}: {' '.join(messages)}"
        for field, messages in error.message_dict.items()
    )
