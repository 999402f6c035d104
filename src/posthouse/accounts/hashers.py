"""Hashing passwords, a few at a time."""

from __future__ import annotations

from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher

AT_ONCE = 4
"""Hashes in one process at the same time. Each takes 100 MB for a moment, and any stranger may ask for one."""

_turns = BoundedSemaphore(AT_ONCE)


class TakingTurns(Argon2PasswordHasher):
    """Argon2 as Django has it, but a thousand log-ins at once wait for one another instead of using up the memory."""

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of a password."""
        with _turns:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether this is the password."""
        with _turns:
            return super().verify(password, encoded)
