"""Relays as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class RelaysConfig(AppConfig):
    """Answers closed packages, and gives the worker its relays."""

    name = "posthouse.relays"
    label = "relays"

    def ready(self) -> None:
        """Import what registers itself."""
        from posthouse.relays import work  # noqa: F401
