"""Log-in by password."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend


class PasswordBackend(BaseBackend):
    """Checks a log-in name and a password against the accounts of this server."""
