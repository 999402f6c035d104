"""What the sync app does when the server starts, and after the database was migrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class SyncConfig(AppConfig):
    """Keeps the slaves' copies of the user information equal to the master's."""

    name = "posthouse.sync"

    def ready(self) -> None:
        """Register the work, the answers to what happens in the cluster, and the triggers."""
        from posthouse.jobs import worker
        from posthouse.notices import conditions
        from posthouse.sync import automatic, feed, receivers, runs, telling  # noqa: F401 - the receivers connect themselves
        from posthouse.web import configuration
        from posthouse.web.configuration import Section

        worker.register(worker.Kind("sync", runs.due, runs.run, concurrency=4))
        worker.register_periodic("automatic sync", automatic.LOOK_SECONDS, automatic.start_due)
        worker.register_periodic("forget old syncs", 3600, automatic.forget_old)
        worker.register_periodic("shorten the list of changes", 3600, feed.compact)
        conditions.register(telling.conditions)
        configuration.register(
            Section(
                "Sync and guard",
                "sync:configure",
                "refresh",
                "How often slaves are synced, how often that may fail, and how many accounts may vanish at once.",
            )
        )
        post_migrate.connect(_install_triggers, sender=self)


def _install_triggers(using: str, plan: Sequence[object] = (), **_: Any) -> None:
    """Install the triggers after each migration: they name columns, and Django drops them where it rebuilds a table."""
    from posthouse.sync import shared, triggers

    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if {"sync_counter", "sync_change", "sync_digest", *(each.table for each in shared.SHARED)} <= tables:
        triggers.install(connection)
        if plan:
            triggers.distrust(connection)
