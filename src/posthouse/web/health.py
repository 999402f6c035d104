"""Is this server well? A short answer for machines and a long one for administrators."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection

from posthouse import __version__
from posthouse.web import units

STATUS_OF_LEVEL = ((checks.ERROR, "error"), (checks.WARNING, "wait"))


@dataclass(frozen=True)
class Fact:
    """One line of the health page."""

    name: str
    status: str
    """ok, wait or error, as the `status` tag has them."""
    text: str
    cure: str = ""
    """What to do, when it is not ok."""


Source = Callable[[], list[Fact]]
_sources: list[Source] = []


def register(source: Source) -> Source:
    """Let an app add its facts to the health page, from its AppConfig.ready."""
    if source not in _sources:
        _sources.append(source)
    return source


def database_works() -> bool:
    """Whether the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except DatabaseError:
        return False


def store_writable() -> bool:
    """Whether a file can be made, written and removed in the store."""
    try:
        with tempfile.TemporaryFile(dir=settings.POSTHOUSE.store) as file:
            file.write(b"posthouse")
            file.flush()
    except OSError:
        return False
    return True


def reason() -> str | None:
    """Return why this server cannot work, "database" or "store", or None."""
    if not database_works():
        return "database"
    if not store_writable():
        return "store"
    return None


def facts() -> Iterator[Fact]:
    """Return what administrators want to know, the server's own facts first, then those of the other apps."""
    yield Fact("Version", "ok", f"Posthouse {__version__}")
    yield _database()
    yield _store()
    yield Fact("Clock", "ok", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    for source in _sources:
        yield from source()


def _database() -> Fact:
    engine = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(connection.vendor, connection.vendor)
    if not database_works():
        return Fact("Database", "error", f"{engine} does not answer", "Look at the database server and its log.")
    version = ".".join(str(part) for part in connection.get_database_version())
    return Fact("Database", "ok", f"{engine} {version}")


def _store() -> Fact:
    folder: Path = settings.POSTHOUSE.store
    if not store_writable():
        return Fact(
            "Store",
            "error",
            f"{folder} cannot be written",
            "Look whether the disk is mounted and not full, and whether the folder belongs to the server's user.",
        )
    usage = shutil.disk_usage(folder)
    text = f"{units.size(usage.free)} of {units.size(usage.total)} free in {folder}"
    if usage.free < usage.total // 20:
        return Fact("Store", "wait", text, "Less than a twentieth is free: delete old packages or add disk space.")
    return Fact("Store", "ok", text)


def findings() -> list[Fact]:
    """Return what Django's system checks find wrong, with its cure."""
    return [
        Fact(
            message.id or "",
            next((status for level, status in STATUS_OF_LEVEL if message.level >= level), "ok"),
            str(message.msg),
            str(message.hint or ""),
        )
        for message in checks.run_checks()
        if not message.is_silenced()
    ]
