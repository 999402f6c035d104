"""The store as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """Registers the store's checks."""

    name = "posthouse.store"
    label = "store"

    def ready(self) -> None:
        """Import what registers itself."""
        from posthouse.store import checks  # noqa: F401
