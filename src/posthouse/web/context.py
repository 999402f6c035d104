"""What every page knows of the server it comes from."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def server(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 - the shape of a context processor
    """Return the server's name, for the head of each page."""
    return {"server_name": settings.POSTHOUSE.name}
