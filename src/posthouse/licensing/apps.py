"""What the licensing app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class LicensingConfig(AppConfig):
    """Says what this server is licensed for."""

    name = "posthouse.licensing"
