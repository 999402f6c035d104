"""Saying that there is something to do."""

from __future__ import annotations

from django.db import transaction

from posthouse.jobs.presence import wake

__all__ = ["wake", "wake_on_commit"]


def wake_on_commit() -> None:
    """Wake the workers of this node once the transaction in progress is committed (at once when there is none)."""
    transaction.on_commit(wake)
