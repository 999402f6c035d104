"""What the directory app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    """Reads people from directories."""

    name = "posthouse.directory"
