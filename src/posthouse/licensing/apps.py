"""What the licensing app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class LicensingConfig(AppConfig):
    """Says what this server is licensed for."""

    name = "posthouse.licensing"

    def ready(self) -> None:
        """Add the licence page."""
        from posthouse.web import configuration

        configuration.register(
            configuration.Section(
                "Licence",
                "licensing:licence",
                "certificate",
                "What this server is licensed for, until when, and the seats in use.",
            )
        )
