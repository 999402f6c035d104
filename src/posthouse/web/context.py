"""What every page knows of the server it comes from."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from django.conf import settings
from django.http import HttpRequest

HUES = 8  # as many as posthouse.css has .server-hue-… classes


def server(request: HttpRequest | None = None) -> dict[str, Any]:  # noqa: ARG001 - the shape of a context processor
    """Return the server's name and the colour by which people tell it from the others."""
    name = settings.POSTHOUSE.name
    return {"server_name": name, "server_hue": crc32(name.encode()) % HUES}
