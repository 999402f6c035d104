"""What the audit app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Keeps the audit log."""

    name = "posthouse.audit"

    def ready(self) -> None:
        """Add the page on which it is set how long events are kept."""
        from posthouse.web import configuration

        configuration.register(
            configuration.Section("Audit log", "audit:retention", "history", "How long it is kept who did what.")
        )
