"""What the homes app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class HomesConfig(AppConfig):
    """Places people on servers."""

    name = "posthouse.homes"
