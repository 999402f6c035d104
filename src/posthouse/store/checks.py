"""Checks of the store's folder, each with its cure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

from posthouse.store import parts

# Enough for a part of each of a few uploads; below it, uploads are refused at any moment.
LITTLE = 64 * parts.PART


# Of a server that runs: other commands, such as those that make the folder, must not stop for want of it.
@register("store", deploy=True)
def store_folder(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Check that the store's folder is there, can be written to, and has room."""
    folder = settings.POSTHOUSE.store
    if not folder.is_dir():
        return [
            checks.Error(
                f"The store's folder {folder} does not exist.",
                hint="Run `posthouse init`, mount the disk that holds it, or name another folder with store_dir.",
                id="posthouse.store.E001",
            )
        ]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return [
            checks.Error(
                f"The store's folder {folder} cannot be written to.",
                hint="Make the account that runs Posthouse its owner, and mount the disk for writing.",
                id="posthouse.store.E002",
            )
        ]
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    if free < LITTLE:
        return [
            checks.Warning(
                f"The store's folder {folder} has only {free // 1024**2} MiB left: uploads and relays will be refused.",
                hint="Remove packages that are no longer needed, or enlarge the disk.",
                id="posthouse.store.W001",
            )
        ]
    return []
