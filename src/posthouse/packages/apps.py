"""Packages as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class PackagesConfig(AppConfig):
    """What was sent, to whom, and what became of it."""

    name = "posthouse.packages"

    def ready(self) -> None:
        """Import what answers signals."""
        from posthouse.packages import telling  # noqa: F401
