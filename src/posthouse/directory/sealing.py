"""Secrets that the server must be able to use, kept so that the database alone does not give them away.

They are encrypted with a key made from the server's secret key, which lies in a file beside the database.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from posthouse.directory.errors import BadSetting


@sensitive_variables("secret")
def seal(secret: str) -> str:
    """Return a secret in a form that can be stored."""
    return _fernet().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return a secret that was sealed. Raises BadSetting when it was sealed with another secret key."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise BadSetting(
            "The stored password cannot be read: it was stored under another secret key of this server.",
            "Type the password of the directory's account anew.",
        ) from error


def _fernet() -> Fernet:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"posthouse directory 1")
    return Fernet(base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode())))
