"""The passwords of directories' accounts, kept so that the database alone does not give them away."""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

from posthouse.directory.errors import BadSetting
from posthouse.lib import lockbox

PURPOSE = "directory 1"


@sensitive_variables("secret")
def seal(secret: str) -> str:
    """Return a secret in a form that can be stored."""
    return lockbox.seal(secret, PURPOSE)


def unseal(sealed: str) -> str:
    """Return a secret that was sealed. Raises BadSetting when it was sealed with another secret key."""
    try:
        return lockbox.unseal(sealed, PURPOSE)
    except lockbox.Unreadable as error:
        raise BadSetting(
            "The stored password cannot be read: it was stored under another secret key of this server.",
            "Type the password of the directory's account anew.",
        ) from error
