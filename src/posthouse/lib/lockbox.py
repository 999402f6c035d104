"""Secrets that the server must be able to use, kept so that the database alone does not give them away.

They are encrypted with a key made from the server's secret key, which lies in a file beside the database, and from what
they are for.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.views.decorators.debug import sensitive_variables


class Unreadable(Exception):
    """A secret was sealed with another secret key, or for something else."""


@sensitive_variables("secret")
def seal(secret: str, purpose: str) -> str:
    """Return a secret in a form that can be stored."""
    return _fernet(purpose).encrypt(secret.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Return a secret that was sealed for this purpose. Raises Unreadable."""
    try:
        return _fernet(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _fernet(purpose: str) -> Fernet:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"posthouse {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode())))
