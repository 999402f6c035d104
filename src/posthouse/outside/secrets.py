"""The secrets in links: 256 random bits, of which only the digest is stored. Pure."""

from __future__ import annotations

import hashlib
import secrets

LENGTH = 43
"""Characters of 32 bytes in base64url without padding."""


def new() -> tuple[str, str]:
    """Return a new secret and its digest."""
    secret = secrets.token_urlsafe(32)
    return secret, digest(secret)


def digest(secret: str) -> str:
    """Return what is stored of a secret, and by which it is looked for: nothing of it can be learnt from the time."""
    return hashlib.sha256(secret.encode()).hexdigest()
