"""Packages as a Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class PackagesConfig(AppConfig):
    """What was sent, to whom, and what became of it."""

    name = "posthouse.packages"

    def ready(self) -> None:
        """Import what answers signals, and have packages released and ended in time."""
        from posthouse.homes import behind
        from posthouse.jobs.worker import register_periodic
        from posthouse.packages import copying, ending, indexing, lifecycle, listing, noting, telling  # noqa: F401
        from posthouse.web import configuration

        register_periodic("release packages", 10, lifecycle.release_due)
        register_periodic("end packages", 30, ending.expire)
        register_periodic("give up the bytes of packages that ended", 30, ending.free)
        register_periodic("forget packages that never came", 86_400, ending.forget_notes)
        register_periodic("tell of packages that end soon", 3600, telling.tell_of_end)
        register_periodic("index packages that were there before", 5, indexing.build)
        register_periodic("index packages whose people have new names", 15, indexing.rename)
        post_migrate.connect(_install_triggers, sender=self)
        behind.register(listing.received_left)
        behind.register(listing.sent_left)
        configuration.register(
            configuration.Section(
                "Packages", "packages:policy", "packages", "How long packages are kept, and what senders may choose."
            )
        )


def _install_triggers(using: str, **_: Any) -> None:
    """Install the trigger on accounts after each migration: Django drops it where it rebuilds the table."""
    from posthouse.packages import indexing

    connection = connections[using]
    if {"packages_renamed", "accounts_user"} <= set(connection.introspection.table_names()):
        indexing.install(connection)
