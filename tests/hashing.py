"""Argon2 as it is, for one hundredth of the price: the tests hash thousands of passwords. Real servers pay in full."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


def make_cheap() -> None:
    """Let a hash take 1 MB and a millisecond in this process."""
    Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.time_cost, Argon2PasswordHasher.parallelism = 1024, 1, 1
