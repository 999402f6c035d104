"""Opening lines to directories: where settings and secrets meet the library."""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

from posthouse.directory import ldap
from posthouse.directory.models import Connection
from posthouse.directory.port import Directory

SIGN_IN_SECONDS = 10


@sensitive_variables("password")
def service_line(connection: Connection, *, seconds: int = ldap.ANSWER_SECONDS) -> Directory:
    """Return a line on which this server has logged in with its own account. Raises DirectoryError."""
    password = connection.password()
    return ldap.connect(connection.way(), connection.bind_name, password, seconds=seconds)


@sensitive_variables("password")
def log_in(connection: Connection, dn: str, password: str) -> None:
    """Log in as somebody, to see whether the password is right. Raises DirectoryError when it is not."""
    ldap.connect(connection.way(), dn, password, seconds=SIGN_IN_SECONDS).close()
