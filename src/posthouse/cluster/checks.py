"""Checks of the identity key's file, each with its cure."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

from posthouse.cluster import identity


@register("cluster", deploy=True)
def key_files(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Check that nobody but its owner can read a private key."""
    paths: list[Path] = [settings.POSTHOUSE.identity, identity.next_path()]
    return [
        checks.Warning(
            f"Others than its owner can read the private key {path}: they could speak to other servers as this one.",
            hint=f"Run `chmod 600 {path}`, and give this server another key: `posthouse cluster keys begin`.",
            id="posthouse.cluster.W001",
        )
        for path in paths
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
